import { expect, test } from "vitest";
import { sums } from "./stack";

test("each line stands on those before it", () => {
  expect(sums([[1, 2, null], [10, null, null], [100, 100, 5]])).toEqual([[1, 2, null], [11, 2, null], [111, 102, 5]]);
  expect(sums([])).toEqual([]);
});
