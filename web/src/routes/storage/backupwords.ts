// How backups are told. Pure.

import type { Backup } from "../../lib/api/shapes";
import { bytes, percent } from "../../lib/units";
import type { State } from "../../lib/ui/state";

export const PHASES: Record<Backup["phase"], State> = {
  running: { word: "Being taken", look: "info", icon: "clock" },
  done: { word: "Done", look: "ok", icon: "check" },
  failed: { word: "Failed", look: "bad", icon: "triangle" },
};

/** The share that was gone over; null where the whole is not known. */
export function shareOf({ bytes_done, bytes_total }: Pick<Backup, "bytes_done" | "bytes_total">): number | null {
  return bytes_total > 0 ? Math.min(1, bytes_done / bytes_total) : null;
}

/** `1.2 GiB of 4 GiB gone over (30 %)`. */
export function progressWords(backup: Pick<Backup, "bytes_done" | "bytes_total">): string {
  const share = shareOf(backup);
  return share === null ? `${bytes(backup.bytes_done)} gone over` : `${bytes(backup.bytes_done)} of ${bytes(backup.bytes_total)} gone over (${percent(share)})`;
}

/** The latest that succeeded; they come with the latest first. */
export function lastDone(backups: readonly Backup[]): Backup | null {
  return backups.find((backup) => backup.phase === "done") ?? null;
}

/** What brings one back: only the command line does, into an empty folder. */
export function restoreCommand(id: string): string {
  return `foretell restore --folder BACKUPS --backup ${id} --into NEW-FOLDER`;
}
