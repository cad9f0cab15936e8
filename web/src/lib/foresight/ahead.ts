// What is drawn of the time to come, and of what was expected: how far, and how answers become bands. Pure.

import type { Bands, Forecast, ForecastAccuracy } from "../api/shapes";
import type { Point } from "../rates";
import type { TimeRange } from "../timerange";
import { count, duration, percent } from "../units";

/** An area between two lines. */
export interface Band {
  label: string;
  lower: readonly Point[];
  upper: readonly Point[];
  /** A custom property of the palette. */
  colour: string;
  /** How much of the colour is seen, 0 to 1. */
  strength: number;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** The horizons that the server answers. */
const HORIZON_MIN = HOUR;
const HORIZON_MAX = 366 * DAY;

/** How far a chart runs on behind now: what the address says in `ahead`. */
export const AHEADS = [
  { value: "none", label: "Past only", share: 0 },
  { value: "some", label: "A third ahead", share: 1 / 3 },
  { value: "same", label: "As far ahead", share: 1 },
] as const;
export type Ahead = (typeof AHEADS)[number]["value"];
export const AHEAD_DEFAULT: Ahead = "some";

export function parseAhead(text: string | null): Ahead {
  return AHEADS.find((a) => a.value === text)?.value ?? AHEAD_DEFAULT;
}

/** Where the axis ends. A range of two instants ends where it says. */
export function axisEnd(range: TimeRange, to: number, ahead: Ahead): number {
  if (range.kind === "fixed") return to;
  const share = AHEADS.find((a) => a.value === ahead)?.share ?? 0;
  return to + Math.min(range.ms * share, HORIZON_MAX);
}

/** Seconds of a horizon that reaches `end`; null where that is not ahead. */
export function horizonSecs(end: number, now: number): number | null {
  const ms = end - now;
  return ms <= 0 ? null : Math.ceil(Math.min(Math.max(ms, HORIZON_MIN), HORIZON_MAX) / 1000);
}

/** The course as lines, each value `scale` times as large; each step stands at its middle. */
export function course(forecast: Pick<Forecast, "points" | "step_secs">, scale: number, colour: string): { median: Point[]; bands: Band[] } {
  const column = (nth: 1 | 2 | 3 | 4 | 5): Point[] => forecast.points.map((p): Point => [p[0] + forecast.step_secs * 500, p[nth] * scale]);
  return {
    median: column(1),
    bands: [
      { label: "95 %", lower: column(4), upper: column(5), colour, strength: 0.14 },
      { label: "80 %", lower: column(2), upper: column(3), colour, strength: 0.2 },
    ],
  };
}

/** What is expected of the past, as an area. */
export function expected(bands: Pick<Bands, "points">, scale: number, until: number): Band | null {
  const points = bands.points.map((p) => ({ ...p, ms: Date.parse(p.at) })).filter((p) => p.ms <= until);
  if (points.length === 0) return null;
  return {
    label: "expected",
    lower: points.map((p): Point => [p.ms, p.lower * scale]),
    upper: points.map((p): Point => [p.ms, p.upper * scale]),
    colour: "--ink3",
    strength: 0.12,
  };
}

const LEADS: Record<ForecastAccuracy["lead"], string> = { hour: "an hour ahead", day: "a day ahead", week: "a week ahead" };

/** How good forecasts of a series were: of the lead that is nearest to the horizon. */
export function accuracyWords(all: readonly ForecastAccuracy[], horizonMs: number): string {
  const wanted: ForecastAccuracy["lead"] = horizonMs <= 2 * HOUR ? "hour" : horizonMs <= 3 * DAY ? "day" : "week";
  const measured = all.filter((a) => a.count > 0);
  const one = measured.find((a) => a.lead === wanted) ?? measured[0];
  if (!one) return "not measured yet: nothing that was forecast has come true";
  const parts = [];
  if (one.coverage != null) parts.push(`${percent(one.coverage)} of ${count(one.count)} hours within the 95 % band`);
  if (one.mase != null) parts.push(`error ${one.mase.toFixed(2)} of “as a day before”`);
  const made = one.backcast === one.count ? ", tried on the past" : "";
  return `${LEADS[one.lead]}: ${parts.join(", ")}${made}`;
}

/** `in 12 d`, `in 3 h`, `now` where it is past. */
export function until(at: string | null | undefined, now: number): string {
  if (!at) return "not within a year";
  const ms = Date.parse(at) - now;
  return ms <= 0 ? "now" : `in ${duration(ms)}`;
}
