// What is wrong with what is kept, each with what to do about it. Pure.

import type { Notice, RetentionStanding, SeriesCardinality } from "../../lib/api/shapes";
import { count, plural } from "../../lib/units";

export interface Trouble {
  key: string;
  what: string;
  todo: string;
  /** Where in the page it is looked at; null where that is not in the page. */
  section: "retention" | "backups" | "archive" | "series" | null;
  since: string | null;
}

const TODO: Record<string, Pick<Trouble, "todo" | "section">> = {
  backup_failed: { todo: "Mend what it says; it is tried again by itself within 15 minutes, or take one now.", section: "backups" },
  backup_incomplete: { todo: "Look at the damage first: `foretell store verify` names it.", section: "backups" },
  tombstones_old: { todo: "The log says what fails. Once that is mended it goes by itself, a day each quarter of an hour.", section: null },
  disk_full: { todo: "Make room on the disk that it names. Nothing is restarted: samples are taken again within a minute.", section: null },
  disk_failing: { todo: "Look into the kernel's log before anything else: the disk does not keep what it is given.", section: null },
  archive_failing: { todo: "Mend what it says; each hour it is tried again.", section: "archive" },
  archive_damaged: { todo: "What it names cannot be read from there. Days that are here as well can be archived again.", section: "archive" },
  archive_of_another: { todo: "Give it a place of its own, or take it over: `foretell archive adopt`.", section: "archive" },
};

/** Notices that are of storage; the others stand on Now. */
const OF_STORAGE = /^(backup|archive|damage|retention|store|disk|tombstone|scrub)/;

export function ofNotices(notices: readonly Notice[]): Trouble[] {
  return notices
    .filter((notice) => OF_STORAGE.test(notice.code))
    .map((notice) => ({
      key: notice.code + notice.message,
      what: notice.message,
      since: notice.since,
      ...(TODO[notice.code] ?? { todo: "The log says more, and `foretell store verify` looks at all of the folder.", section: null }),
    }));
}

export function ofRetention(standing: RetentionStanding | null): Trouble[] {
  if (!standing?.failing) return [];
  return [{ key: "retention", what: `Retention: ${standing.failing}`, todo: "Until it is mended more is kept than policies say.", section: "retention", since: null }];
}

export function ofSeries(cardinality: SeriesCardinality | null): Trouble[] {
  const over = (cardinality?.near_bound ?? []).filter((one) => one.asked);
  const first = over[0];
  if (!cardinality || !first) return [];
  const who = first.device_name ?? "A device";
  const rest = over.length > 1 ? ` and ${plural(over.length - 1, "more device")}` : "";
  return [
    {
      key: "series",
      what: `${who}${rest} asked for more series than the ${count(cardinality.series_per_device_max)} that a device may have.`,
      todo: "What is more is not measured: mostly an agent that names its parts anew at each poll.",
      section: "series",
      since: null,
    },
  ];
}
