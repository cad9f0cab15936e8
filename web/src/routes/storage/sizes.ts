// How much is kept, by detail, and the sentence of it. Pure.

import type { KeptSize, RetentionLevel, RetentionPolicy } from "../../lib/api/shapes";
import { bytes, count, plural, utcDay } from "../../lib/units";

export const LEVELS: readonly { level: RetentionLevel; name: string }[] = [
  { level: "raw", name: "As polled" },
  { level: "5m", name: "5 minutes" },
  { level: "1h", name: "1 hour" },
];

const DAY_MS = 86_400_000;

export const nameOfLevel = (level: RetentionLevel): string => LEVELS.find((one) => one.level === level)?.name ?? level;

export interface LevelRow {
  key: string;
  name: string;
  /** Null where files are not told, as of an archive. */
  files: number | null;
  bytes: number;
  samples: number;
  octetsEach: number | null;
  oldest: string;
  newest: string;
  /** Percent of all octets; those of all rows make 100. */
  share: number;
  says: string;
}

/** What lies elsewhere, in the archive. */
export interface Elsewhere {
  days: number;
  bytes: number;
  samples: number;
  oldest?: string | null;
  /** Where the newest day begins. */
  newest?: string | null;
}

/** One row a level that there are files of, and one of the archive where there is something in it. */
export function levelRows(sizes: readonly KeptSize[], policies: readonly RetentionPolicy[] | null, archive: Elsewhere | null = null): LevelRow[] {
  const rows: Omit<LevelRow, "share" | "octetsEach">[] = [];
  for (const { level, name } of LEVELS) {
    const of = sizes.filter((size) => size.level === level);
    if (of.length === 0) continue;
    rows.push({
      key: level,
      name,
      files: sum(of, (size) => size.files),
      bytes: sum(of, (size) => size.bytes),
      samples: sum(of, (size) => size.samples),
      oldest: of.reduce((least, size) => (size.oldest < least ? size.oldest : least), of[0]?.oldest ?? ""),
      newest: of.reduce((most, size) => (size.newest > most ? size.newest : most), ""),
      says: policies === null ? "" : keptInWords(policies.filter((policy) => policy.level === level)),
    });
  }
  if (archive && archive.days > 0) {
    rows.push({ key: "archive", name: `Archive (${plural(archive.days, "day")})`, files: null, bytes: archive.bytes, samples: archive.samples, oldest: archive.oldest ?? "", newest: archive.newest ? new Date(Date.parse(archive.newest) + DAY_MS).toISOString() : "", says: "kept for ever" });
  }
  const shares = sharesOf(rows.map((row) => row.bytes));
  return rows.map((row, i) => ({ ...row, share: shares[i] ?? 0, octetsEach: row.samples === 0 ? null : row.bytes / row.samples }));
}

/** `400 days`, `400 days, others 30 to 90 days`. */
function keptInWords(policies: readonly RetentionPolicy[]): string {
  const base = policies.find((policy) => policy.built_in);
  const others = policies.filter((policy) => !policy.built_in).map((policy) => policy.keep_days);
  const words = base ? plural(base.keep_days, "day") : "";
  if (others.length === 0) return words;
  const [least, most] = [Math.min(...others), Math.max(...others)];
  return `${words}; by other policies ${least === most ? plural(least, "day") : `${count(least)} to ${plural(most, "day")}`}`;
}

/** Whole percents of parts of a whole, which make 100: the largest remainders are rounded up. */
export function sharesOf(parts: readonly number[]): number[] {
  const whole = sum(parts, (part) => part);
  if (whole <= 0) return parts.map(() => 0);
  const exact = parts.map((part) => (part / whole) * 100);
  const shares = exact.map(Math.floor);
  const order = exact.map((value, i) => ({ i, rest: value - Math.floor(value) })).sort((a, b) => b.rest - a.rest);
  for (const { i } of order.slice(0, 100 - sum(shares, (share) => share))) shares[i] = (shares[i] ?? 0) + 1;
  return shares;
}

/** Octets that a day takes in all its details, over the range that each has; null where samples are not of a day yet. */
export function bytesOfDay(sizes: readonly KeptSize[]): number | null {
  const rows = levelRows(sizes, null).map((row) => ({ ...row, days: (Date.parse(row.newest) - Date.parse(row.oldest)) / DAY_MS }));
  if (!rows.some((row) => row.key === "raw" && row.days >= 1)) return null;
  return sum(rows, (row) => (row.days >= 1 ? row.bytes / row.days : 0));
}

export interface Standing {
  bytes: number | null;
  oldest: string | null;
  perDay: number | null;
  /** Octets that the disk has left; null where that is not known, and then nothing is said of it. */
  free: number | null;
}

/** `1.2 TiB of samples since 3 Mar 2025, 4.1 GiB a day; the disk has room for 62 days more.` */
export function sentence({ bytes: kept, oldest, perDay, free }: Standing): string {
  if (kept === null) return "How much is kept is not known.";
  if (kept === 0) return "No samples in files yet.";
  const since = oldest ? ` since ${utcDay(oldest)}` : "";
  const rate = perDay === null ? "" : `, ${bytes(perDay)} a day`;
  const days = free !== null && perDay !== null && perDay > 0 ? Math.floor(free / perDay) : null;
  const room = days === null ? "" : days === 0 ? "; the disk has room for less than a day more" : `; the disk has room for ${plural(days, "day")} more`;
  return `${bytes(kept)} of samples${since}${rate}${room}.`;
}

export function standingOf(sizes: readonly KeptSize[] | null, free: number | null = null): Standing {
  const rows = sizes && levelRows(sizes, null);
  return {
    bytes: rows && sum(rows, (row) => row.bytes),
    oldest: rows?.map((row) => row.oldest).sort()[0] ?? null,
    perDay: sizes && bytesOfDay(sizes),
    free,
  };
}

function sum<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((total, one) => total + of(one), 0);
}
