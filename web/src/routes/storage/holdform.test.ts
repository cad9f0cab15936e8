import { expect, test } from "vitest";
import type { RetentionHold } from "../../lib/api/shapes";
import { bodyOf, EMPTY, formOf, patchOf, rangeInWords } from "./holdform";

const hold: RetentionHold = {
  id: "h", selector: '{site="lyon"}', from: "2024-02-28T00:00:00.000Z", to: "2024-03-01T00:00:00.000Z", reason: "case", by: "admin", since: "2026-01-01T00:00:00Z", devices: 3, revision: 2,
};

test("the last day is held whole", () => {
  expect(bodyOf({ ...EMPTY, selector: " x ", reason: " r ", from: "2024-02-28", last: "2024-02-29" })).toEqual({
    selector: "x", reason: "r", from: "2024-02-28T00:00:00.000Z", to: "2024-03-01T00:00:00.000Z",
  });
  expect(bodyOf({ ...EMPTY, selector: "x", reason: "r" })).toEqual({ selector: "x", reason: "r" });
});

test("a form of a hold says its days, and sends what was changed alone", () => {
  expect(formOf(hold)).toEqual({ selector: hold.selector, from: "2024-02-28", last: "2024-02-29", reason: "case" });
  expect(patchOf(formOf(hold), hold)).toEqual({});
  expect(patchOf({ ...formOf(hold), last: "", reason: "other" }, hold)).toEqual({ to: null, reason: "other" });
  const odd = { ...hold, to: "2024-03-01T07:30:00.123Z" };
  expect(formOf(odd).last).toBe("2024-03-01");
  expect(patchOf({ ...formOf(odd), from: "2024-01-01" }, odd)).toEqual({ from: "2024-01-01T00:00:00.000Z" });
});

test("the range in words", () => {
  expect(rangeInWords(hold)).toBe("28 Feb 2024 to 29 Feb 2024");
  expect(rangeInWords({ from: hold.from ?? null })).toBe("from 28 Feb 2024 on");
  expect(rangeInWords({ to: hold.to ?? null })).toBe("until 29 Feb 2024");
  expect(rangeInWords({})).toBe("all time");
});
