import { expect, test } from "vitest";
import { sparkPath } from "./spark";

test("a gap lifts the pen", () => {
  const path = sparkPath([[0, 0], [5, 10], [6, null], [10, 5]], 0, 10, 100, 23);
  expect(path).toBe("M0.0 21.5l.01 0L50.0 1.5M100.0 11.5l.01 0");
});

test("nothing carried is a line along the bottom, nothing known is no line", () => {
  expect(sparkPath([[0, 0], [10, 0]], 0, 10, 100, 23)).toBe("M0.0 21.5l.01 0L100.0 21.5");
  expect(sparkPath([], 0, 10, 100, 23)).toBe("");
});
