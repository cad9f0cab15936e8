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
  /** What is drawn where a device has no series of that. */
  otherwise?: (metric: string) => boolean;
  /** Amounts are drawn from zero to this; readings within their own range where it is left out. */
  top?: (row: PartRow) => number | null;
}

export interface Part {
  title: string;
  columns: readonly Column[];
  /** What is said where the device told of none. */
  none: string;
  history?: History;
  /** The list that its rows are taken from, where that has another name, and which of them. */
  of?: PartName | "wireless";
  keep?: (row: PartRow) => boolean;
  /** The order that rows are shown in, where it is not the device's own. */
  order?: (rows: readonly PartRow[]) => PartRow[];
}

export type PartName =
  | "processors"
  | "memory"
  | "storage"
  | "sensors"
  | "optics"
  | "power"
  | "access-points"
  | "radios"
  | "networks"
  | "signals"
  | "inventory"
  | "addresses"
  | "vlans"
  | "routing-neighbors"
  | "default-routes"
  | "arp";

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

/** Names with commas between; a list that is empty says so. */
function names(field: string): (row: PartRow) => string | null {
  return (row) => {
    const value = row[field];
    return !Array.isArray(value) ? null : value.length === 0 ? "none" : value.join(", ");
  };
}

function share(field: string): Column["ratio"] {
  return (row) => {
    const value = number(row, field);
    return value === null ? null : value / 100;
  };
}

const size = (field: string): Column["text"] => (row) => (number(row, field) === null ? null : bytes(number(row, field)));
const inUnit = (field: string, unit: string): Column["text"] => (row) => {
  const value = number(row, field);
  return value === null ? null : `${rounded(value)} ${unit}`;
};
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
 * The series of each row, by its place; null where there is none. Rows of one metric, or of one kind,
 * that share a name are told apart as the collector does: the first has the name, the others the name with their index
 * behind.
 */
export function seriesOf(rows: readonly PartRow[], { label, metric, otherwise }: History, all: readonly Series[]): (Series | null)[] {
  const labelled = all.filter((one) => one.labels[label] !== undefined);
  const wanted = labelled.filter((one) => metric(one.metric));
  const mine = wanted.length > 0 || !otherwise ? wanted : labelled.filter((one) => otherwise(one.metric));
  const met = new Map<string, number>();
  return rows.map((row) => {
    const name = text("name")(row);
    if (name === null) return null;
    const of = text("metric")(row);
    const key = JSON.stringify([of ?? text("kind")(row), name]);
    const nth = met.get(key) ?? 0;
    met.set(key, nth + 1);
    const fitting = mine.filter((one) => of === null || one.metric === of);
    const named = (one: Series): string => one.labels[label] ?? "";
    if (nth === 0) return fitting.find((one) => named(one) === name) ?? null;
    const others = fitting.filter((one) => named(one).startsWith(`${name} [`)).sort((x, y) => named(x).localeCompare(named(y), "en", { numeric: true }));
    return others[nth - 1] ?? null;
  });
}

/** How a sensor stands: by the rank of its state, else by its limits. */
export function standing(row: PartRow): "ok" | "warning" | "critical" | null {
  const rank = row.severity;
  if (rank === "ok" || rank === "warning" || rank === "critical") return rank;
  const value = number(row, "value");
  const limits = row.limits;
  if (value === null || typeof limits !== "object" || limits === null) return null;
  const limit = (name: string): number | null => number(limits as PartRow, name);
  const [low, lowWarning, highWarning, high] = [limit("low"), limit("low_warning"), limit("high_warning"), limit("high")];
  if ((low !== null && value < low) || (high !== null && value > high)) return "critical";
  return (lowWarning !== null && value < lowWarning) || (highWarning !== null && value > highWarning) ? "warning" : "ok";
}

const STANDING = { ok: "✓ ok", warning: "▲ look at it", critical: "✕ critical" };

function standingText(stands: ReturnType<typeof standing>): string | null {
  return stands === null ? null : STANDING[stands];
}

/** `10 to 60 °C`, `up to 60 °C`, `from 10 °C`. */
function limitsText(row: PartRow): string | null {
  const limits = row.limits;
  if (typeof limits !== "object" || limits === null) return null;
  const limit = (name: string): number | null => number(limits as PartRow, name);
  const [least, most] = [limit("low") ?? limit("low_warning"), limit("high") ?? limit("high_warning")];
  const unit = text("unit")(row) ?? "";
  const told = least !== null && most !== null ? `${rounded(least)} to ${rounded(most)}` : most !== null ? `up to ${rounded(most)}` : least !== null ? `from ${rounded(least)}` : null;
  return told === null ? null : `${told} ${unit}`.trim();
}

const rounded = (value: number): number => Number(value.toFixed(3));

function reading(row: PartRow): string | null {
  const value = number(row, "value");
  if (value === null) return null;
  if (row.kind === "state") return text("state")(row) ?? `state ${value}`;
  return `${rounded(value)} ${text("unit")(row) ?? ""}`.trim();
}

/** What is broken first. */
function worstFirst(rows: readonly PartRow[]): PartRow[] {
  const rank = (row: PartRow): number => ({ critical: 0, warning: 1, ok: 2 })[standing(row) ?? "ok"];
  return [...rows].sort((a, b) => rank(a) - rank(b));
}

const SENSOR: Pick<Part, "columns" | "history" | "order"> = {
  history: { label: "sensor", metric: (m) => m.startsWith("sensor_") },
  order: worstFirst,
  columns: [
    { label: "Name", text: text("name") },
    { label: "Kind", text: (row) => text("kind")(row)?.replaceAll("_", " ") ?? null },
    { label: "Interface", text: text("interface"), interface: true },
    { label: "Value", right: true, text: reading },
    { label: "Limits", text: limitsText },
    { label: "How it stands", text: (row) => standingText(standing(row)) },
  ],
};

/** Rows of the list `sensors` that tell of one thing. */
function sensors(group: string): Pick<Part, "of" | "keep"> {
  return { of: "sensors", keep: (row) => row.group === group };
}

/** Rows of the list `wireless` of one kind, with the history of their clients. */
function wireless(kind: string, label: string): Pick<Part, "of" | "keep" | "history"> {
  return {
    of: "wireless",
    keep: (row) => row.kind === kind,
    history: { label, metric: (m) => m === "wireless_clients", otherwise: (m) => m === "wireless_utilization" },
  };
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
    ...SENSOR,
    title: "Sensors",
    none: "This device has told of no sensors (ENTITY-SENSOR-MIB, device profiles).",
  },
  optics: {
    ...SENSOR,
    ...sensors("optics"),
    title: "Optics",
    none: "This device has told of no transceivers: their light, temperature, voltage and bias current by interface.",
  },
  power: {
    ...SENSOR,
    ...sensors("power"),
    title: "Power",
    none: "This device has told of no power supplies, batteries or outlets.",
  },
  "access-points": {
    ...wireless("access_point", "access_point"),
    title: "Access points",
    none: "This device has told of no access points (device profiles).",
    columns: [
      { label: "Name", text: text("name") },
      { label: "State", text: text("state") },
      { label: "Model", text: text("model") },
      { label: "Serial", text: text("serial") },
      { label: "Clients", text: text("clients"), right: true },
    ],
  },
  radios: {
    ...wireless("radio", "radio"),
    title: "Radios",
    none: "This device has told of no radios (IEEE802dot11-MIB, device profiles).",
    columns: [
      { label: "Name", text: text("name") },
      { label: "Access point", text: text("access_point") },
      { label: "State", text: text("state") },
      { label: "Channel", text: text("channel"), right: true },
      { label: "Frequency", text: inUnit("frequency_mhz", "MHz"), right: true },
      { label: "Transmits", text: inUnit("transmit_power_dbm", "dBm"), right: true },
      { label: "Noise", text: inUnit("noise_dbm", "dBm"), right: true },
      { label: "In use", text: shareText("utilization_percent"), ratio: share("utilization_percent") },
      { label: "Clients", text: text("clients"), right: true },
    ],
  },
  networks: {
    ...wireless("network", "ssid"),
    title: "Wireless networks",
    none: "This device has told of no wireless networks (device profiles).",
    columns: [
      { label: "SSID", text: text("name") },
      { label: "State", text: text("state") },
      { label: "Channel", text: text("channel"), right: true },
      { label: "Clients", text: text("clients"), right: true },
    ],
  },
  signals: {
    ...SENSOR,
    ...sensors("radio"),
    title: "Signals",
    none: "This device has told of no signals: received power, noise, rate and distance of its radio links.",
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
  "default-routes": {
    title: "Default routes",
    none: "This device has told of no default route (IP-FORWARD-MIB).",
    columns: [
      { label: "Destination", text: text("destination") },
      { label: "Next hop", text: text("next_hop") },
      { label: "Metric", text: text("metric"), right: true },
      { label: "Protocol", text: text("protocol") },
      { label: "Interface", text: text("interface"), interface: true },
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
      { label: "Untagged", text: names("untagged") },
      { label: "Tagged", text: names("tagged") },
    ],
  },
};
