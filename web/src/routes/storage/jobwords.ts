// How long work is told: what it is, how far, what came of it. Pure.

import type { Imported, Job } from "../../lib/api/shapes";
import { bytes, count, percent, plural, utcDay } from "../../lib/units";
import type { State } from "../../lib/ui/state";

const KINDS: Record<Job["kind"], string> = {
  import: "Import",
  export: "Export",
  delete: "Delete a range",
  correct: "Correct",
  archive: "Archive",
  restore: "Restore from the archive",
  archive_check: "Check the archive",
};

export const STATES: Record<Job["state"], State> = {
  receiving: { word: "Being sent", look: "info", icon: "clock" },
  waiting: { word: "Waiting", look: "unk", icon: "clock" },
  running: { word: "At work", look: "info", icon: "clock" },
  done: { word: "Done", look: "ok", icon: "check" },
  failed: { word: "Failed", look: "bad", icon: "triangle" },
  cancelled: { word: "Cancelled", look: "unk", icon: "dash" },
  interrupted: { word: "Interrupted", look: "warn", icon: "bang" },
};

export const kindOf = (job: Pick<Job, "kind">): string => KINDS[job.kind] ?? job.kind;

export function isOver({ state }: Pick<Job, "state">): boolean {
  return state === "done" || state === "failed" || state === "cancelled" || state === "interrupted";
}

const amount = (n: number, unit: Job["unit"]): string =>
  unit === "octets" ? bytes(n) : unit === "series" ? plural(n, "series", "series") : plural(n, unit === "days" ? "day" : "sample");

/** The share that is done; null where the whole is not known. */
export function shareOf({ done, total }: Pick<Job, "done" | "total">): number | null {
  return total ? Math.min(1, done / total) : null;
}

/** `12 of 31 days`; only what is done where the whole is not known. */
export function progressWords(job: Pick<Job, "kind" | "done" | "total" | "unit">): string {
  const { done, total, unit } = job;
  // Reading the file is half of an import, so that its octets are no octets of the file.
  if (job.kind === "import") return total ? `${percent(shareOf(job))} done` : "";
  if (!total) return done > 0 ? `${amount(done, unit)} so far` : "";
  return unit === "octets" ? `${bytes(done)} of ${bytes(total)}` : `${count(done)} of ${amount(total, unit)}`;
}

/** What came of it; empty where nothing is told. */
export function resultWords(job: Pick<Job, "kind" | "result">): string {
  const result = job.result;
  if (!result) return "";
  const n = (name: string): number => (typeof result[name] === "number" ? result[name] : 0);
  switch (job.kind) {
    case "import":
      return importWords(importedOf(job));
    case "export":
      return `${plural(n("samples"), "sample")} of ${plural(n("series"), "series", "series")}, ${bytes(n("bytes"))}`;
    case "delete":
      return `${result["counted_whole"] === false ? "at least " : ""}${plural(n("samples"), "sample")} of ${plural(n("series"), "series", "series")} on ${plural(n("devices"), "device")} deleted`;
    case "restore":
      return `${plural(n("days"), "day")}: ${plural(n("samples"), "sample")} of ${plural(n("series"), "series", "series")} are here again${notBack(result["refused"])}${damageOf(result["damaged"])}`;
    case "archive_check":
      return `${plural(n("days"), "day")} read, ${bytes(n("bytes"))}: ${damageWords(result["damaged"])}`;
    case "archive":
      return `${plural(n("days"), "day")} archived: ${plural(n("samples"), "sample")}, ${bytes(n("bytes"))}`;
    default:
      return plainWords(result);
  }
}

function notBack(refused: unknown): string {
  const reasons = typeof refused === "object" && refused !== null ? Object.entries(refused).filter((entry): entry is [string, number] => typeof entry[1] === "number" && entry[1] > 0) : [];
  return reasons.length === 0 ? "" : `; series that are not: ${reasons.map(([reason, series]) => `${reason.replaceAll("_", " ")} ${count(series)}`).join(", ")}`;
}

/** Damaged days that are named; the calendar has all. */
const DAMAGED_MAX = 5;

function damageOf(damaged: unknown): string {
  return Array.isArray(damaged) && damaged.length > 0 ? `; ${damageWords(damaged)}` : "";
}

function damageWords(damaged: unknown): string {
  if (!Array.isArray(damaged) || damaged.length === 0) return "all is sound";
  const named = damaged.slice(0, DAMAGED_MAX).map((one: { day?: string; what?: string }) => `${utcDay(one.day)} (${one.what ?? "damaged"})`);
  return `damaged are ${named.join(", ")}${damaged.length > DAMAGED_MAX ? ` and ${count(damaged.length - DAMAGED_MAX)} more` : ""}`;
}

/** Whatever numbers it has, by their names. */
function plainWords(result: Record<string, unknown>): string {
  return Object.entries(result)
    .filter((entry): entry is [string, number] => typeof entry[1] === "number")
    .map(([name, value]) => `${name.replaceAll("_", " ")} ${name === "bytes" ? bytes(value) : count(value)}`)
    .join(", ");
}

/** What an import tells; null of other work, and while it tells nothing. */
export function importedOf(job: Pick<Job, "kind" | "result">): Imported | null {
  return job.kind === "import" && job.result && Array.isArray(job.result["faults"]) ? (job.result as unknown as Imported) : null;
}

function importWords(told: Imported | null): string {
  if (!told) return "";
  const parts = [
    `${count(told.added)} ${told.dry_run ? "would be written" : "new"}`,
    told.replaced > 0 ? `${count(told.replaced)} with another value` : null,
    told.same > 0 ? `${count(told.same)} there already` : null,
    told.repeated > 0 ? `${count(told.repeated)} repeated in the file` : null,
    told.refused > 0 ? `${count(told.refused)} refused` : null,
  ].filter(Boolean);
  const series = `${plural(told.series, "series", "series")}${told.new_series > 0 ? `, ${count(told.new_series)} of them new` : ""}`;
  const cut = told.cut_short ? "; the file ends too early, some of it may be missing" : "";
  return `${told.dry_run ? "Dry run: " : ""}${plural(told.rows, "row")}: ${parts.join(", ")}; ${series}${cut}`;
}

/** Reasons of what was refused, the most first: `unknown device 12, too old 3`. */
export function reasonsOf(told: Pick<Imported, "reasons">): string {
  return Object.entries(told.reasons)
    .sort((a, b) => b[1] - a[1])
    .map(([reason, rows]) => `${reason.replaceAll("_", " ")} ${count(rows)}`)
    .join(", ");
}
