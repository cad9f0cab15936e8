// The range over which one looks back on states: days, not minutes as with charts. Pure.

import { parseRange, type TimeRange } from "./timerange";

const DAY_MS = 86_400_000;

export const PASTS: readonly { value: string; label: string; ms: number }[] = [
  { value: "24h", label: "24 h", ms: DAY_MS },
  { value: "7d", label: "7 d", ms: 7 * DAY_MS },
  { value: "30d", label: "30 d", ms: 30 * DAY_MS },
];

export const DEFAULT_PAST = "24h";

/** Reads `7d`, or `FROM..TO` in unix ms; anything else is the default. */
export function parsePast(text: string | null): TimeRange {
  return parseRange(text !== null && (text.includes("..") || PASTS.some((p) => p.value === text)) ? text : DEFAULT_PAST);
}

