import { expect, test } from "vitest";
import { at, outages, pieces, SHADES, type Interval } from "./strip";

/** Intervals as `FROM-TO STATUS`, minutes of an hour; `!` is maintenance, `+` is ongoing. */
function intervals(...texts: string[]): Interval[] {
  const iso = (minute: string | undefined): string => new Date(Number(minute) * 60_000).toISOString();
  return texts.map((text) => {
    const [range, status] = text.split(" ");
    const [from, to] = (range ?? "").split("-");
    return { from: iso(from), to: iso(to), status: status?.replace(/[!+]/g, "") as Interval["status"], maintenance: text.includes("!"), ongoing: text.includes("+") };
  });
}
const minutes = (ms: number): number => ms / 60_000;

test("a strip is cut where the state changes, and is empty where nothing is told", () => {
  const all = intervals("10-30 up", "30-40 degraded", "40-60 up+");
  expect(pieces(all, 0, 3_600_000, 6).map((p) => `${minutes(p.from)}-${minutes(p.to)} ${p.shade}`)).toEqual(["0-10 none", "10-30 up", "30-40 degraded", "40-60 up"]);
});

test("a short outage is as wide as one part", () => {
  const all = intervals("0-31 up", "31-31.1 down", "31.1-60 up");
  expect(pieces(all, 0, 3_600_000, 60).map((p) => `${minutes(p.from)}-${minutes(p.to)} ${p.shade}`)).toEqual(["0-31 up", "31-32 down", "32-60 up"]);
});

test("an interval that ends where a part ends does not reach into the next", () => {
  expect(pieces(intervals("0-10 down", "10-60 up"), 0, 3_600_000, 6).map((p) => p.shade)).toEqual(["down", "up"]);
});

test("what an operator worked on is maintenance, whatever it was", () => {
  expect(pieces(intervals("0-60 down!"), 0, 3_600_000, 4).map((p) => p.shade)).toEqual(["maintenance"]);
});

test("nothing to draw, and no room to draw it", () => {
  expect(pieces([], 0, 3_600_000, 2)).toEqual([{ shade: "none", from: 0, to: 3_600_000 }]);
  expect(pieces(intervals("0-60 up"), 5, 5, 2)).toEqual([]);
});

test("the states differ by more than their colour", () => {
  const heights = (["down", "degraded", "up"] as const).map((shade) => SHADES[shade].height);
  expect(new Set(heights).size).toBe(3);
});

test("an outage goes on over what was not measured and over maintenance, and ends with something better", () => {
  const all = intervals("0-5 up", "5-10 down", "10-12 unknown", "12-14 down!", "14-20 down", "20-30 degraded", "30-31 down", "31-50 up", "50-60 down+");
  expect(outages(all).map((o) => [minutes(o.from), minutes(o.to), minutes(o.downMs), o.ongoing])).toEqual([
    [50, 60, 10, true],
    [30, 31, 1, false],
    [5, 20, 11, false],
  ]);
  expect(outages([])).toEqual([]);
  // The server tells the latest first.
  expect(outages([...all].reverse())).toEqual(outages(all));
});

test("the interval under the pointer", () => {
  const all = intervals("0-5 up", "5-10 down");
  expect(at(all, 5 * 60_000)?.status).toBe("down");
  expect(at(all, 10 * 60_000)).toBeNull();
});
