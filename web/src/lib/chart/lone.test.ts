import { expect, test } from "vitest";
import { lone } from "./lone";

test("a sample that stands alone is told, one that a line reaches is not", () => {
  expect(lone([])).toEqual([]);
  expect(lone([5])).toEqual([0]);
  expect(lone([null, 5, null, 1, 2, null, 0])).toEqual([1, 6]);
  expect(lone([1, undefined, 2, null, undefined, 3, undefined])).toEqual([5]);
});
