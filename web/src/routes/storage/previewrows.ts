// What a dry run of retention says, as rows and in a word. Pure.

import type { RetentionHold, RetentionPreview } from "../../lib/api/shapes";
import { bytes, count, plural } from "../../lib/units";

export interface PreviewRow {
  key: string;
  what: string;
  /** Whether it goes, is kept by a hold alone, or was not looked into. */
  fate: "goes" | "held" | "unseen";
  bytes: number | null;
  samples: number | null;
}

export function previewRows(preview: RetentionPreview, holds: readonly Pick<RetentionHold, "id" | "reason">[]): PreviewRow[] {
  const most = (a: PreviewRow, b: PreviewRow): number => (b.bytes ?? 0) - (a.bytes ?? 0);
  const goes = preview.by_policy.map((row): PreviewRow => ({
    key: `policy ${row.policy_id ?? ""} ${row.name ?? ""}`,
    what: row.policy_id ? `By ${row.name ?? "a policy"}` : "What deleted devices left",
    fate: "goes",
    bytes: row.bytes,
    samples: row.samples,
  }));
  const held = preview.by_hold.map((row): PreviewRow => {
    const hold = holds.find((one) => one.id === row.hold_id);
    return { key: `hold ${row.hold_id}`, what: hold ? `Kept only by the hold “${hold.reason}”` : "Kept only by a hold", fate: "held", bytes: row.bytes, samples: row.samples };
  });
  if (preview.bytes_held_by_several > 0 || preview.samples_held_by_several > 0) {
    held.push({ key: "several holds", what: "Kept by several holds", fate: "held", bytes: preview.bytes_held_by_several, samples: preview.samples_held_by_several });
  }
  const unseen: PreviewRow[] =
    preview.files_left > 0 ? [{ key: "left", what: `${plural(preview.files_left, "file")} that this did not look into; passes to come do`, fate: "unseen", bytes: preview.bytes_left, samples: null }] : [];
  return [...goes.sort(most), ...held.sort(most), ...unseen];
}

/** `3.1 GiB go with the next pass: 12 files whole, 2 days written again.` */
export function headline(preview: RetentionPreview): string {
  if (preview.bytes === 0 && preview.samples === 0 && preview.files_removed === 0) {
    return preview.files_left > 0 ? "Nothing goes of what was looked into." : "Nothing goes.";
  }
  const how = [
    preview.files_removed > 0 ? `${plural(preview.files_removed, "file")} whole` : null,
    preview.days_rewritten > 0 ? `${plural(preview.days_rewritten, "day")} written again without it` : null,
  ].filter(Boolean);
  return `${bytes(preview.bytes)} in ${plural(preview.samples, "sample")} go with the passes to come${how.length > 0 ? `: ${how.join(", ")}` : ""}.`;
}

/** What the button says that saves what was tried. */
export function saveWords(preview: RetentionPreview): string {
  return preview.bytes > 0 ? `Save; ${bytes(preview.bytes)} go at the next pass` : preview.samples > 0 ? `Save; ${count(preview.samples)} samples go at the next pass` : "Save";
}

/** What releasing a hold leaves to the policies. */
export function releaseWords(preview: RetentionPreview, hold_id: string): string {
  const row = preview.by_hold.find((one) => one.hold_id === hold_id);
  const unseen = preview.files_left > 0 ? ` ${plural(preview.files_left, "file")} were not looked into.` : "";
  if (!row || (row.bytes === 0 && row.samples === 0)) return `Nothing is kept by this hold alone now.${unseen} What it would have kept is left to the policies.`;
  return `${bytes(row.bytes)} in ${plural(row.samples, "sample")} are kept by this hold alone: they go with the passes to come.${unseen} That cannot be undone.`;
}
