// Archived days as months of a calendar. Days are UTC. Pure.

import type { ArchivedDay } from "../../lib/api/shapes";
import { bytes, plural, utcDay } from "../../lib/units";

const DAY_MS = 86_400_000;

export type DayState = "here" | "archived" | "both" | "restored" | "damaged";

/** Each has a letter and a word: never colour alone. */
export const DAY_STATES: Record<DayState, { letter: string; word: string }> = {
  here: { letter: "h", word: "here" },
  both: { letter: "b", word: "here and archived" },
  archived: { letter: "a", word: "archived alone" },
  restored: { letter: "r", word: "restored" },
  damaged: { letter: "!", word: "damaged" },
};

export interface Cell {
  /** `2026-03-01`. */
  day: string;
  n: number;
  state: DayState | null;
  title: string;
}
export interface Month {
  key: string;
  name: string;
  /** Empty cells before the first, where weeks begin on Monday. */
  before: number;
  cells: Cell[];
}

export function stateOf(day: ArchivedDay, nowMs: number): DayState {
  if (day.damaged) return "damaged";
  if (day.restored_until && Date.parse(day.restored_until) > nowMs) return "restored";
  return day.is_here ? "both" : "archived";
}

const monthName = new Intl.DateTimeFormat("en-GB", { month: "long", year: "numeric", timeZone: "UTC" });
const beginOf = (at: string | number): number => Math.floor(new Date(at).getTime() / DAY_MS) * DAY_MS;
export const keyOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** The months of archived days and of those that are here, the latest first, `most` at most. */
export function monthsOf(days: readonly ArchivedDay[], here: { oldest: string; newest: string } | null, nowMs: number, most: number): Month[] {
  const archived = new Map(days.map((day) => [keyOf(beginOf(day.day)), day]));
  const [from, to] = here ? [beginOf(here.oldest), Date.parse(here.newest)] : [Infinity, -Infinity];
  const times = [...days.map((day) => beginOf(day.day)), ...(here ? [from, to - 1] : [])];
  if (times.length === 0) return [];
  const [first, last] = [new Date(Math.min(...times)), new Date(Math.max(...times))];
  const months: Month[] = [];
  for (let m = last.getUTCFullYear() * 12 + last.getUTCMonth(); m >= first.getUTCFullYear() * 12 + first.getUTCMonth() && months.length < most; m -= 1) {
    const begin = Date.UTC(Math.floor(m / 12), m % 12, 1);
    const end = Date.UTC(Math.floor(m / 12), (m % 12) + 1, 1);
    const cells: Cell[] = [];
    for (let at = begin; at < end; at += DAY_MS) {
      const day = archived.get(keyOf(at));
      const state = day ? stateOf(day, nowMs) : at >= from && at < to ? "here" : null;
      cells.push({ day: keyOf(at), n: cells.length + 1, state, title: titleOf(at, state, day) });
    }
    months.push({ key: keyOf(begin).slice(0, 7), name: monthName.format(begin), before: (new Date(begin).getUTCDay() + 6) % 7, cells });
  }
  return months;
}

function titleOf(at: number, state: DayState | null, day: ArchivedDay | undefined): string {
  const words = state === null ? "nothing" : DAY_STATES[state].word;
  const until = state === "restored" ? ` until ${utcDay(day?.restored_until)}` : "";
  const damage = day?.damaged ? `: ${day.damaged}` : "";
  return `${utcDay(at)}: ${words}${until}${damage}${day ? `, ${bytes(day.bytes)} in the archive` : ""}`;
}

/** What of the archive is in a range of days, both of them in it. */
export function chosen(days: readonly ArchivedDay[], from: string, last: string): ArchivedDay[] {
  const [a, b] = from <= last ? [from, last] : [last, from];
  return days.filter((day) => keyOf(beginOf(day.day)) >= a && keyOf(beginOf(day.day)) <= b);
}

/** `3 archived days, 1.2 GiB in 4,000,000 samples`. */
export function chosenWords(days: readonly ArchivedDay[]): string {
  if (days.length === 0) return "no archived day";
  const sum = (of: (day: ArchivedDay) => number): number => days.reduce((total, day) => total + of(day), 0);
  return `${plural(days.length, "archived day")}, ${bytes(sum((day) => day.bytes))} in ${plural(sum((day) => day.samples), "sample")}`;
}

/** The day that a key goes to; null where the key goes nowhere. Rows of weeks are read from left to right. */
export function dayByKey(key: string, day: string, first: string, last: string): string | null {
  const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };
  const to = key === "Home" ? first : key === "End" ? last : steps[key] === undefined ? null : keyOf(Date.parse(`${day}T00:00:00Z`) + steps[key] * DAY_MS);
  return to === null ? null : to < first ? first : to > last ? last : to;
}

/** The instants of a range of days, both of them in it. */
export function spanOfDays(from: string, last: string): { from: string; to: string } | null {
  const [a, b] = [Date.parse(`${from}T00:00:00Z`), Date.parse(`${last}T00:00:00Z`)];
  return a <= b ? { from: new Date(a).toISOString(), to: new Date(b + DAY_MS).toISOString() } : null;
}
