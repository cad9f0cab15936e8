// A range of time as it is typed, in the browser's own zone. Pure.

const HOUR_MS = 3_600_000;

export interface RangeForm {
  /** As the browser's field writes it: `2026-03-01T18:00`. */
  from: string;
  to: string;
}

/** An instant as the browser's field takes it. */
export function fieldOf(ms: number): string {
  const at = new Date(ms);
  const two = (n: number): string => String(n).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** The last so many hours, to the minute. */
export function lastHours(hours: number, nowMs: number): RangeForm {
  return { from: fieldOf(nowMs - hours * HOUR_MS), to: fieldOf(nowMs) };
}

/** The instants; null where they cannot be read or do not follow each other. */
export function spanOf({ from, to }: RangeForm): { from: string; to: string } | null {
  const [a, b] = [new Date(from), new Date(to)];
  return a.getTime() < b.getTime() ? { from: a.toISOString(), to: b.toISOString() } : null;
}
