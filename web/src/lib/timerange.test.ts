import { expect, test } from "vitest";
import { bounds, parseRange, stepSecs, writeFixed } from "./timerange";

test.each([
  ["15m", { kind: "last", ms: 900_000 }],
  [null, { kind: "last", ms: 3_600_000 }],
  ["nonsense", { kind: "last", ms: 3_600_000 }],
  ["100..200", { kind: "fixed", from: 100, to: 200 }],
  ["200..100", { kind: "last", ms: 3_600_000 }],
])("range %s", (text, expected) => expect(parseRange(text)).toEqual(expected));

test("a fixed range survives the address", () => {
  expect(parseRange(writeFixed(1.4, 2e12))).toEqual({ kind: "fixed", from: 1, to: 2e12 });
});

test("a moving range ends now", () => {
  expect(bounds({ kind: "last", ms: 10 }, 100)).toEqual({ from: 90, to: 100 });
});

test.each([
  ["15 min at 5 s", 900_000, 5, 5],
  ["1 h at 5 s", 3_600_000, 5, 10],
  ["1 h at 60 s", 3_600_000, 60, 60],
  ["24 h at 60 s", 86_400_000, 60, 300],
  ["30 d", 30 * 86_400_000, 60, 7200],
])("step: %s", (_, length, interval, expected) => expect(stepSecs(length, interval)).toBe(expected));
