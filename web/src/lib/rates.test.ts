import { expect, test } from "vitest";
import { aligned, rate, spliceTail, withGaps, type Point } from "./rates";

test.each([
  ["steady", { at: 0, value: 0 }, { at: 60_000, value: 600 }, 10],
  ["first reading", undefined, { at: 0, value: 5 }, null],
  ["counter went back", { at: 0, value: 100 }, { at: 60_000, value: 5 }, null],
  ["same instant", { at: 0, value: 1 }, { at: 0, value: 2 }, null],
  ["three polls late", { at: 0, value: 0 }, { at: 180_000, value: 180 }, 1],
  ["more than three polls late", { at: 0, value: 0 }, { at: 180_001, value: 180 }, null],
  ["nothing passed", { at: 0, value: 7 }, { at: 60_000, value: 7 }, 0],
])("rate: %s", (_, before, now, expected) => {
  expect(rate(before, now, 60)).toBe(expected);
});

test("missing data is a gap, a narrow empty step is not", () => {
  const points: Point[] = [
    [0, 1],
    [10, null],
    [20, 2],
    [100, 3],
  ];
  expect(withGaps(points, 30)).toEqual([
    [0, 1],
    [20, 2],
    [35, null],
    [100, 3],
  ]);
});

test("a tail replaces what it covers", () => {
  const points: Point[] = [
    [0, 1],
    [10, 2],
    [20, 3],
  ];
  expect(spliceTail(points, [[10, 5]], 10)).toEqual([
    [0, 1],
    [10, 5],
  ]);
});

test("lines share a time axis", () => {
  const a: Point[] = [
    [1000, 1],
    [2000, null],
  ];
  const b: Point[] = [[1500, 7]];
  expect(aligned([a, b])).toEqual([
    [1, 1.5, 2],
    [1, undefined, null],
    [undefined, 7, undefined],
  ]);
});
