// How an anomaly is called, drawn and told. Pure.

import type { Anomaly } from "../api/shapes";
import type { State } from "../ui/state";

export type Kind = Anomaly["kind"];

const WORDS: Record<Kind, string> = {
  level: "Level",
  spike: "Spike",
  dip: "Dip",
  drift: "Drift",
  flat_line: "Flat line",
  variance: "Unsteady",
  pattern: "Pattern",
  missing: "Missing",
  above_ceiling: "Above ceiling",
  below_floor: "Below floor",
  heavy_talker: "Heavy talker",
};

/** Its state: going on is worth a look, over is past. */
export function ofAnomaly(anomaly: Pick<Anomaly, "kind" | "state">): State {
  const word = WORDS[anomaly.kind];
  return anomaly.state === "open" ? { word, look: "warn", icon: "bang" } : { word, look: "unk", icon: "clock" };
}

/** What anomalies of one group have in common. */
export interface Group {
  id: string;
  /** The first: what the group is called by. */
  first: Anomaly;
  members: Anomaly[];
}

/** The list by groups, each where its newest is; what is of no group is one of its own. */
export function grouped(anomalies: readonly Anomaly[]): Group[] {
  const groups = new Map<string, Group>();
  for (const anomaly of anomalies) {
    const id = anomaly.group?.id ?? anomaly.id;
    const group = groups.get(id);
    if (group) group.members.push(anomaly);
    else groups.set(id, { id, first: anomaly, members: [anomaly] });
  }
  return [...groups.values()];
}

/** What a group has in common, in words. */
export function commonWords(group: Group): string {
  const { first, members } = group;
  switch (first.group?.scope) {
    case "device":
      return `${members.length} series of ${first.device_name ?? "one device"} together`;
    case "site":
      return `${members.length} series of site ${first.site ?? "one site"} together`;
    case "metric":
      return `${members.length} series of ${first.metric} together`;
    default:
      return "";
  }
}

/** Where its device's chart of that time is. */
export function placeOf(anomaly: Pick<Anomaly, "device_id" | "interface_id" | "id">): string {
  const port = anomaly.interface_id ? `&if=${anomaly.interface_id}` : "";
  return `/devices/${anomaly.device_id}?range=6h${port}&anomaly=${anomaly.id}`;
}
