import { expect, test } from "vitest";
import { fieldOf, lastHours, spanOf } from "./rangeform";

test("an instant goes into a field and comes back to the minute", () => {
  const at = Date.parse("2024-02-29T23:59:30Z");
  expect(new Date(fieldOf(at)).getTime()).toBe(at - 30_000);
});

test("a range", () => {
  const now = Date.parse("2026-03-29T12:00:00Z");
  const span = spanOf(lastHours(24, now));
  expect([span?.from, span?.to]).toEqual([new Date(now - 86_400_000).toISOString(), new Date(now).toISOString()]);
  expect([spanOf({ from: "", to: "" }), spanOf({ from: "2026-01-02T00:00", to: "2026-01-01T00:00" }), spanOf({ from: "x", to: "2026-01-01T00:00" })]).toEqual([null, null, null]);
});
