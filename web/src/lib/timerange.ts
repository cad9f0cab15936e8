// The page's one range of time: a length up to now, or two instants. Pure.

/** A range that moves with the clock, or stands still. */
export type TimeRange = { kind: "last"; ms: number } | { kind: "fixed"; from: number; to: number };

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** What the picker offers, by the words in the address. */
export const CHOICES: readonly { value: string; label: string; ms: number }[] = [
  { value: "15m", label: "15 min", ms: 15 * MINUTE },
  { value: "1h", label: "1 h", ms: HOUR },
  { value: "6h", label: "6 h", ms: 6 * HOUR },
  { value: "24h", label: "24 h", ms: DAY },
  { value: "7d", label: "7 d", ms: 7 * DAY },
  { value: "30d", label: "30 d", ms: 30 * DAY },
];

export const DEFAULT_RANGE = "1h";

/** Points of a line on a wide screen, and on a phone: more could not be told apart. */
export const POINTS_WIDE = 500;
export const POINTS_NARROW = 160;

/** Reads `15m`, or `FROM..TO` in unix ms; anything else is the default. */
export function parseRange(text: string | null): TimeRange {
  const fixed = text?.match(/^(\d{1,15})\.\.(\d{1,15})$/);
  if (fixed) {
    const from = Number(fixed[1]);
    const to = Number(fixed[2]);
    if (from < to) return { kind: "fixed", from, to };
  }
  const choice = CHOICES.find((c) => c.value === text) ?? CHOICES.find((c) => c.value === DEFAULT_RANGE);
  return { kind: "last", ms: choice?.ms ?? HOUR };
}

/** The words of the address for two instants. */
export function writeFixed(from: number, to: number): string {
  return `${Math.round(from)}..${Math.round(to)}`;
}

/** The two instants of a range as it is at `nowMs`. */
export function bounds(range: TimeRange, nowMs: number): { from: number; to: number } {
  return range.kind === "fixed" ? { from: range.from, to: range.to } : { from: nowMs - range.ms, to: nowMs };
}

/** Steps that read well, in seconds. */
const STEPS = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400];

/** Seconds a step: no finer than the polls, no more points than a screen can show. */
export function stepSecs(lengthMs: number, intervalSecs: number, points = POINTS_WIDE): number {
  const wanted = Math.max(intervalSecs, lengthMs / 1000 / points);
  return STEPS.find((s) => s >= wanted) ?? 86_400;
}
