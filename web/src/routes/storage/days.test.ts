import { expect, test } from "vitest";
import type { ArchivedDay } from "../../lib/api/shapes";
import { chosen, chosenWords, dayByKey, monthsOf, spanOfDays, stateOf } from "./days";

const plain = (text: string): string => text.replaceAll("\u202f", " ");
const now = Date.parse("2026-04-01T00:00:00Z");
const day = (text: string, more: Partial<ArchivedDay> = {}): ArchivedDay => ({ day: `${text}T00:00:00.000Z`, revision: 1, samples: 10, series: 1, bytes: 1024, archived_at: "", is_here: false, ...more });

test("the state of a day", () => {
  expect(stateOf(day("2026-01-01"), now)).toBe("archived");
  expect(stateOf(day("2026-01-01", { is_here: true }), now)).toBe("both");
  expect(stateOf(day("2026-01-01", { restored_until: "2026-05-01T00:00:00Z" }), now)).toBe("restored");
  expect(stateOf(day("2026-01-01", { restored_until: "2026-03-01T00:00:00Z" }), now)).toBe("archived");
  expect(stateOf(day("2026-01-01", { restored_until: "2026-05-01T00:00:00Z", damaged: "a block" }), now)).toBe("damaged");
});

test("months, with leap days and with months in which clocks are put on", () => {
  const months = monthsOf([day("2024-02-28")], { oldest: "2024-03-02T00:00:00.000Z", newest: "2024-04-01T00:00:00.000Z" }, now, 12);
  expect(months.map((month) => [month.key, month.name, month.before, month.cells.length])).toEqual([["2024-03", "March 2024", 4, 31], ["2024-02", "February 2024", 3, 29]]);
  const states = (at: number): (string | null)[] | undefined => months[at]?.cells.map((cell) => cell.state);
  expect(states(0)?.slice(0, 3)).toEqual([null, "here", "here"]);
  expect(states(0)?.every((state, n) => n === 0 || state === "here")).toBe(true);
  expect(states(1)?.filter(Boolean)).toEqual(["archived"]);
  expect(months[0]?.cells.map((cell) => cell.day)).toContain("2024-03-31");
  expect(plain(months[1]?.cells[27]?.title ?? "")).toBe("28 Feb 2024: archived alone, 1 KiB in the archive");
});

test("no days, no months; the latest where there are too many", () => {
  expect(monthsOf([], null, now, 12)).toEqual([]);
  expect(monthsOf([day("2020-01-31"), day("2026-03-01")], null, now, 2).map((month) => month.key)).toEqual(["2026-03", "2026-02"]);
  expect(monthsOf([day("2023-12-31"), day("2024-01-01")], null, now, 9).map((month) => month.key)).toEqual(["2024-01", "2023-12"]);
});

test("a range of days", () => {
  const days = [day("2026-01-01"), day("2026-01-02"), day("2026-01-04")];
  expect(chosen(days, "2026-01-04", "2026-01-02").map((one) => one.day.slice(0, 10))).toEqual(["2026-01-02", "2026-01-04"]);
  expect(plain(chosenWords(chosen(days, "2026-01-01", "2026-01-02")))).toBe("2 archived days, 2 KiB in 20 samples");
  expect(chosenWords([])).toBe("no archived day");
  expect(spanOfDays("2024-02-29", "2024-02-29")).toEqual({ from: "2024-02-29T00:00:00.000Z", to: "2024-03-01T00:00:00.000Z" });
  expect([spanOfDays("2024-03-01", "2024-02-29"), spanOfDays("", "")]).toEqual([null, null]);
});

test("by keyboard from day to day and from week to week, within what there is", () => {
  const go = (key: string, from: string): string | null => dayByKey(key, from, "2026-01-01", "2026-03-31");
  expect([go("ArrowRight", "2026-01-31"), go("ArrowLeft", "2026-01-01"), go("ArrowDown", "2026-03-27"), go("ArrowUp", "2026-01-09")]).toEqual(["2026-02-01", "2026-01-01", "2026-03-31", "2026-01-02"]);
  expect([go("Home", "2026-02-02"), go("End", "2026-02-02"), go("x", "2026-02-02")]).toEqual(["2026-01-01", "2026-03-31", null]);
});
