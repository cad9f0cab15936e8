// Rates from counters as the stream sends them, and gaps in lines. Pure.
// The server computes the rates of the past; this does the same for the sample that just arrived.

export interface Reading {
  /** When the device answered, unix ms. */
  at: number;
  /** The counter as read. */
  value: number;
}

/** Intervals that may pass between two readings before the rate is unknown. */
export const GAP_POLLS = 3;

/**
 * Units a second between two readings. Null where it cannot be told: the counter went back (a wrap
 * or a restart), time did not move on, or more than three polls lie between.
 */
export function rate(before: Reading | undefined, now: Reading, intervalSecs: number): number | null {
  if (!before) return null;
  const ms = now.at - before.at;
  if (ms <= 0 || ms > GAP_POLLS * intervalSecs * 1000) return null;
  if (now.value < before.value) return null;
  return ((now.value - before.value) * 1000) / ms;
}

export type Point = readonly [unixMs: number, value: number | null];

/**
 * The points with their own nulls dropped and one null put wherever two neighbours lie more than
 * `maxGapMs` apart: narrow empty steps are joined, missing data stay a gap.
 */
export function withGaps(points: readonly Point[], maxGapMs: number): Point[] {
  const out: Point[] = [];
  let last: number | null = null;
  for (const point of points) {
    if (point[1] === null || !Number.isFinite(point[1])) continue;
    if (last !== null && point[0] - last > maxGapMs) out.push([last + maxGapMs / 2, null]);
    out.push(point);
    last = point[0];
  }
  return out;
}

/** Replaces what `tail` covers: every point of `points` before the tail's first, then the tail. */
export function spliceTail(points: readonly Point[], tail: readonly Point[], fromMs: number): Point[] {
  return [...points.filter((p) => p[0] < fromMs), ...tail];
}

/** Several lines on one shared time axis, as a chart wants them: [times, line, line, ...]. */
export function aligned(lines: readonly (readonly Point[])[]): [number[], ...(number | null)[][]] {
  const times = [...new Set(lines.flatMap((line) => line.map((p) => p[0])))].sort((a, b) => a - b);
  const columns = lines.map((line) => {
    const at = new Map(line.map((p) => [p[0], p[1]] as const));
    // A null breaks the line; undefined only means that this line has no point at that time.
    return times.map((t) => at.get(t)) as (number | null)[];
  });
  return [times.map((t) => t / 1000), ...columns];
}
