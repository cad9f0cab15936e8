import { expect, test } from "vitest";
import { figures, sentence } from "./sentence";

const none = { up: 0, degraded: 0, down: 0, unknown: 0, maintenance: 0 };

test.each([
  [{}, "Nothing is watched yet."],
  [{ up: 3 }, "All is well."],
  [{ up: 3, unknown: 1 }, "All that is known is well."],
  [{ unknown: 1 }, "It is not known yet how things are."],
  [{ maintenance: 2 }, "Everything is in maintenance."],
  [{ up: 3, down: 1 }, "1 device is down."],
  [{ up: 3, down: 2, degraded: 1 }, "2 devices are down, 1 is degraded."],
  [{ up: 3, degraded: 4 }, "4 devices are degraded."],
])("%o", (devices, expected) => {
  expect(sentence({ devices: { ...none, ...devices }, interfaces: none, links: none, checks: none })).toBe(expected);
});

test("a link that is down is said, whatever the devices say", () => {
  const links = { ...none, up: 3, down: 1 };
  expect(sentence({ devices: { ...none, up: 4 }, interfaces: none, links })).toBe("1 link is down.");
  expect(sentence({ devices: { ...none, up: 4, degraded: 2 }, interfaces: none, links })).toBe("2 devices are degraded, 1 link is down.");
});

test("figures leave out what there is none of", () => {
  expect(figures({ devices: { ...none, up: 1204, down: 15 }, interfaces: { ...none, up: 41_880 }, links: none, checks: none })).toBe(
    "1,204 of 1,219 devices well · 41,880 interfaces",
  );
});
