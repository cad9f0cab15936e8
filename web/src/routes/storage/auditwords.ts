// How entries of the audit are told. Pure.

import type { AuditEntry } from "../../lib/api/shapes";
import { fullInstant, plural } from "../../lib/units";
import type { State } from "../../lib/ui/state";

export const ACTIONS: Record<string, string> = {
  delete_samples: "Samples deleted",
  correct_samples: "Samples corrected",
  import_samples: "Samples imported",
  export_samples: "Samples exported",
  restore: "Days restored",
  adopt: "Archive taken over",
  policy: "Policy",
  hold: "Hold",
  metric: "Metric",
};

export const STATES: Record<AuditEntry["state"], State> = {
  begun: { word: "Begun", look: "info", icon: "clock" },
  done: { word: "Done", look: "ok", icon: "check" },
  failed: { word: "Failed", look: "bad", icon: "triangle" },
  refused: { word: "Refused", look: "warn", icon: "bang" },
};

export const actionOf = (entry: Pick<AuditEntry, "action">): string => ACTIONS[entry.action] ?? entry.action.replaceAll("_", " ");

/** What it touched: `if.*{site="lyon"}, 1 Jan 2026, 00:00:00 to now`. */
export function whatOf({ selector, from, to }: Pick<AuditEntry, "selector" | "from" | "to">): string {
  const range = from || to ? `${from ? fullInstant(from) : "ever"} to ${to ? fullInstant(to) : "now"}` : "";
  return [selector, range].filter(Boolean).join(", ");
}

/** `3 devices, 12 series, 900 samples`. */
export function countsOf({ counts }: Pick<AuditEntry, "counts">): string {
  if (!counts) return "";
  const parts = [
    counts.devices ? plural(counts.devices, "device") : "",
    counts.series ? plural(counts.series, "series", "series") : "",
    counts.samples ? plural(counts.samples, "sample") : "",
    counts.replaced ? `${plural(counts.replaced, "sample")} with another value` : "",
    counts.refused ? `${plural(counts.refused, "row")} refused` : "",
  ];
  return parts.filter(Boolean).join(", ");
}
