import { expect, test } from "vitest";
import { fillPath, ofRange, sparkPath } from "./spark";

test("a gap lifts the pen", () => {
  const path = sparkPath([[0, 0], [5, 10], [6, null], [10, 5]], 0, 10, 100, 23);
  expect(path).toBe("M0.0 21.5l.01 0L50.0 5.5M100.0 13.5l.01 0");
});

test("nothing carried is a line along the bottom, nothing known is no line", () => {
  expect(sparkPath([[0, 0], [10, 0]], 0, 10, 100, 23)).toBe("M0.0 21.5l.01 0L100.0 21.5");
  expect(sparkPath([], 0, 10, 100, 23)).toBe("");
});

test("each stretch between gaps is filled on its own", () => {
  expect(fillPath("M0.0 5.0l.01 0L50.0 6.0M80.0 7.0l.01 0", 23)).toBe("M0.0 23L0.0 5.0L50.0 6.0L50.0 23ZM80.0 23L80.0 7.0L80.0 23Z");
  expect(fillPath("", 23)).toBe("");
});

test("a reading is drawn within its own range, a steady one in the middle", () => {
  const points = [[0, -40], [10, -20]] as const;
  const { min, max } = ofRange(points);
  expect(min).toBeLessThan(-40);
  expect(max).toBeGreaterThan(-20);
  expect(sparkPath([[0, 31], [10, 31]], 0, 10, 100, 23, ofRange([[0, 31]]))).toBe("M0.0 11.5l.01 0L100.0 11.5");
  expect(sparkPath([], 0, 10, 100, 23, ofRange([]))).toBe("");
});
