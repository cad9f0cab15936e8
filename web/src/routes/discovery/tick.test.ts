import { expect, test } from "vitest";
import { asked } from "./tick";

/** A schedule that is enabled, and its box after a click. */
function clicked() {
  return { schedule: { enabled: true }, box: { checked: false } };
}

test("a change that is refused takes its tick back", async () => {
  const { schedule, box } = clicked();
  await asked(box, () => Promise.resolve("refused, and told elsewhere"), () => schedule.enabled);
  expect(box.checked).toBe(true);
});

test("so does one that fails on its way", async () => {
  const { schedule, box } = clicked();
  await expect(asked(box, () => Promise.reject(new Error("away")), () => schedule.enabled)).rejects.toThrow("away");
  expect(box.checked).toBe(true);
});

test("a change that is done keeps its tick", async () => {
  const { schedule, box } = clicked();
  await asked(box, async () => (schedule.enabled = false), () => schedule.enabled);
  expect(box.checked).toBe(false);
});
