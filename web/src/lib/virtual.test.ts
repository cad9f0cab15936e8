import { expect, test } from "vitest";
import { visible } from "./virtual";

test.each([
  ["top", 10_000, 0, { first: 0, end: 18 }],
  ["list still below the viewport's top", 10_000, -200, { first: 0, end: 13 }],
  ["middle", 10_000, 40_000, { first: 992, end: 1018 }],
  ["end", 100, 4000, { first: 92, end: 100 }],
  ["empty", 0, 0, { first: 0, end: 0 }],
])("rows: %s", (_, total, scrolled, expected) => {
  expect(visible(total, 40, scrolled, 400)).toEqual(expected);
});
