// What a device tells of its parts: the columns of each kind, which series is whose history, and
// what is said where there is none. A further kind of part is one entry here. Pure.

import type { Series } from "../../lib/api/shapes";
import { bytes, duration, percent } from "../../lib/units";

/** A row as the server sends it; what the device did not tell is left out. */
export type PartRow = Record<string, unknown>;

export interface Column {
  label: string;
  text: (row: PartRow) => string | null;
  right?: boolean;
  /** Draws the share as a bar beside its text. */
  ratio?: (row: PartRow) => number | null;
  /** The text is the name of one of the device's interfaces. */
  interface?: boolean;
  /** A row stands this deep within another. */
  depth?: (row: PartRow) => number;
}

/** Where the history of a part's rows is. */
export interface History {
  /** The label of the series that holds a row's name. */
  label: string;
  metric: (metric: string) => boolean;
  /** Amounts are drawn from zero to this; readings within their own range where it is left out. */
  top?: (row: PartRow) => number | null;
}

export interface Part {
  title: string;
  columns: readonly Column[];
  /** What is said where the device told of none. */
  none: string;
  history?: History;
  /** The order that rows are shown in, where it is not the device's own. */
  order?: (rows: readonly PartRow[]) => PartRow[];
}

export type PartName = "processors" | "memory" | "storage" | "sensors" | "inventory" | "addresses" | "vlans" | "routing-neighbors" | "arp";

function text(field: string): (row: PartRow) => string | null {
  return (row) => {
    const value = row[field];
    return typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : null;
  };
}

function number(row: PartRow, field: string): number | null {
  const value = row[field];
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function share(field: string): Column["ratio"] {
  return (row) => {
    const value = number(row, field);
    return value === null ? null : value / 100;
  };
}

const size = (field: string): Column["text"] => (row) => (number(row, field) === null ? null : bytes(number(row, field)));
const shareText = (field: string): Column["text"] => (row) => {
  const value = number(row, field);
  return value === null ? null : percent(value / 100);
};

const volume: readonly Column[] = [
  { label: "Name", text: text("name") },
  { label: "In use", text: shareText("used_percent"), ratio: share("used_percent") },
  { label: "Used", text: size("used_bytes"), right: true },
  { label: "Size", text: size("total_bytes"), right: true },
];

/** The place of a part within others, once the rows are in order. */
const DEPTH = "depth";

/** Parts below what contains them, each with its depth. What contains itself stands at the top. */
export function asTree(rows: readonly PartRow[]): PartRow[] {
  const known = new Set(rows.map((row) => number(row, "index")));
  const inside = new Map<number, PartRow[]>();
  const tops: PartRow[] = [];
  for (const row of rows) {
    const holder = number(row, "contained_in");
    if (holder === null || !known.has(holder) || holder === number(row, "index")) tops.push(row);
    else inside.set(holder, [...(inside.get(holder) ?? []), row]);
  }
  const out: PartRow[] = [];
  const seen = new Set<PartRow>();
  const add = (row: PartRow, depth: number): void => {
    if (seen.has(row)) return;
    seen.add(row);
    out.push({ ...row, [DEPTH]: depth });
    for (const child of inside.get(number(row, "index") ?? -1) ?? []) add(child, depth + 1);
  };
  for (const row of tops) add(row, 0);
  // A ring has no top.
  for (const row of rows) add(row, 0);
  return out;
}

/**
 * The series of each row, by its place; null where there is none. Rows that share a name are told
 * apart as the collector does: the first has the name, the others the name with their index behind.
 */
export function seriesOf(rows: readonly PartRow[], { label, metric }: History, all: readonly Series[]): (Series | null)[] {
  const mine = all.filter((one) => metric(one.metric) && one.labels[label] !== undefined);
  const byName = new Map(mine.map((one) => [one.labels[label] ?? "", one]));
  const met = new Map<string, number>();
  return rows.map((row) => {
    const name = text("name")(row);
    if (name === null) return null;
    const nth = met.get(name) ?? 0;
    met.set(name, nth + 1);
    if (nth === 0) return byName.get(name) ?? null;
    const others = [...byName].filter(([other]) => other.startsWith(`${name} [`)).sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
    return others[nth - 1]?.[1] ?? null;
  });
}

export const PARTS: Record<PartName, Part> = {
  processors: {
    title: "Processors",
    none: "This device has told of no processors (HOST-RESOURCES-MIB).",
    history: { label: "processor", metric: (m) => m === "processor_utilization", top: () => 1 },
    columns: [
      { label: "Name", text: text("name") },
      { label: "In use", text: shareText("utilization_percent"), ratio: share("utilization_percent") },
    ],
  },
  memory: {
    title: "Memory",
    columns: volume,
    none: "This device has told of no memory (HOST-RESOURCES-MIB, UCD-SNMP-MIB).",
    history: { label: "memory", metric: (m) => m === "memory_used", top: (row) => number(row, "total_bytes") },
  },
  storage: {
    title: "Storage",
    columns: volume,
    none: "This device has told of no file systems (HOST-RESOURCES-MIB).",
    history: { label: "storage", metric: (m) => m === "storage_used", top: (row) => number(row, "total_bytes") },
  },
  sensors: {
    title: "Sensors",
    none: "This device has told of no sensors (ENTITY-SENSOR-MIB).",
    history: { label: "sensor", metric: (m) => m.startsWith("sensor_") },
    columns: [
      { label: "Name", text: text("name") },
      { label: "Kind", text: text("kind") },
      { label: "Interface", text: text("interface"), interface: true },
      {
        label: "Value",
        right: true,
        text: (row) => {
          const value = number(row, "value");
          // TruthValue, SNMPv2-TC (RFC 2579).
          if (row.kind === "state" && (value === 1 || value === 2)) return value === 1 ? "true" : "false";
          return value === null ? null : `${Number(value.toFixed(3))} ${text("unit")(row) ?? ""}`.trim();
        },
      },
    ],
  },
  inventory: {
    title: "Inventory",
    none: "This device has told of no parts (ENTITY-MIB).",
    order: asTree,
    columns: [
      { label: "Name", depth: (row) => number(row, DEPTH) ?? 0, text: (row) => text("name")(row) ?? text("description")(row) },
      { label: "Description", text: (row) => (text("name")(row) === null ? null : text("description")(row)) },
      { label: "Class", text: text("class") },
      { label: "Model", text: text("model") },
      { label: "Serial", text: text("serial") },
      { label: "Hardware", text: text("hardware_revision") },
      { label: "Software", text: (row) => text("software_revision")(row) ?? text("firmware_revision")(row) },
    ],
  },
  addresses: {
    title: "Addresses",
    none: "This device has told of no addresses (IP-MIB).",
    columns: [
      { label: "Address", text: (row) => (number(row, "prefix_len") === null ? text("address")(row) : `${text("address")(row)}/${number(row, "prefix_len")}`) },
      { label: "Interface", text: text("interface"), interface: true },
    ],
  },
  "routing-neighbors": {
    title: "Routing neighbours",
    none: "This device has told of no routing neighbours (OSPF-MIB, BGP4-MIB).",
    columns: [
      { label: "Protocol", text: (row) => text("protocol")(row)?.toUpperCase() ?? null },
      { label: "Neighbour", text: text("remote_address") },
      { label: "Router ID", text: text("remote_id") },
      { label: "AS", text: text("remote_as"), right: true },
      { label: "State", text: text("state") },
      { label: "For", text: (row) => (number(row, "established_seconds") === null || row.state !== "established" ? null : duration((number(row, "established_seconds") ?? 0) * 1000)) },
      { label: "Interface", text: text("local_interface"), interface: true },
    ],
  },
  arp: {
    title: "Heard on local networks",
    none: "This device has told of no neighbours on local networks (IP-MIB).",
    columns: [
      { label: "Address", text: text("address") },
      { label: "MAC", text: text("mac") },
      { label: "Interface", text: text("interface"), interface: true },
    ],
  },
  vlans: {
    title: "VLANs",
    none: "This device has told of no VLANs (Q-BRIDGE-MIB).",
    columns: [
      { label: "VLAN", text: text("id") },
      { label: "Name", text: text("name") },
    ],
  },
};
