// What kind of traffic a series is, when it is busy and what moves with it, in words. Pure.

import type { Patterns, TrafficPattern } from "../api/shapes";
import { percent } from "../units";

export type PatternKind = TrafficPattern["kind"];

const WORDS: Record<PatternKind, string> = {
  idle: "Idle: it hardly ever changes",
  flat: "Flat: the same at all times",
  office_hours: "Office hours: by day on working days",
  evening: "Evenings, on all days",
  night_batch: "Night batch: copies and batches by night",
  periodic_job: "Periodic job: short, at regular intervals",
  bursty: "Bursty: short, at no regular time",
  growing: "Growing",
};
const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/** The kind and how well it fits; why there is none else. */
export function kindWords(patterns: Pick<Patterns, "pattern" | "pattern_reason">): string {
  const { pattern } = patterns;
  if (!pattern) return patterns.pattern_reason ? `No kind: ${patterns.pattern_reason}` : "No kind fits";
  return `${WORDS[pattern.kind]} (fits ${percent(pattern.confidence)})`;
}

/** Each figure that decided. */
export function evidenceWords(pattern: TrafficPattern | null | undefined): string[] {
  return (pattern?.evidence ?? []).map((one) => `${one.figure}: ${short(one.value)}, fits ${percent(one.fits)}`);
}

function short(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : Number(value.toPrecision(2)).toString();
}

type Window = NonNullable<Patterns["business_hours"]>["windows"][number];

/** Busy hours, days with the same ones together: `Mon to Fri 8 to 18, Sat 9 to 12`. */
export function busyWords(windows: readonly Window[]): string {
  const byDay = DAYS.map((_, day) => {
    const of = windows.filter((window) => window.day === day);
    return of.map((window) => `${window.from_hour} to ${window.to_hour}`).join(" and ");
  });
  const runs: { from: number; to: number; hours: string }[] = [];
  byDay.forEach((hours, day) => {
    const last = runs.at(-1);
    if (last?.hours === hours && last.to === day - 1) last.to = day;
    else runs.push({ from: day, to: day, hours });
  });
  const named = (run: { from: number; to: number }): string => (run.from === run.to ? DAYS[run.from] : `${DAYS[run.from]} to ${DAYS[run.to]}`) ?? "";
  return runs.filter((run) => run.hours).map((run) => `${named(run)} ${run.hours}`).join(", ");
}

/** How one moves beside another: `0.97, 3 h behind`. */
export function likeWords(correlation: number, lagSecs: number): string {
  const alike = correlation.toFixed(2);
  if (lagSecs === 0) return alike;
  const hours = Math.abs(lagSecs) / 3600;
  return `${alike}, ${hours} h ${lagSecs > 0 ? "behind" : "before"}`;
}
