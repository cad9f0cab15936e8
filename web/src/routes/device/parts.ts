// The columns of what a device tells of its parts. A further kind of part is one entry here.

import { bytes, percent } from "../../lib/units";

/** A row as the server sends it; what the device did not tell is left out. */
export type PartRow = Record<string, unknown>;

export interface Column {
  label: string;
  text: (row: PartRow) => string | null;
  right?: boolean;
  /** Draws the share as a bar beside its text. */
  ratio?: (row: PartRow) => number | null;
}

export interface Part {
  title: string;
  columns: readonly Column[];
}

export type PartName = "processors" | "memory" | "storage" | "sensors" | "inventory" | "addresses" | "vlans";

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

export const PARTS: Record<PartName, Part> = {
  processors: {
    title: "Processors",
    columns: [
      { label: "Name", text: text("name") },
      { label: "In use", text: shareText("utilization_percent"), ratio: share("utilization_percent") },
    ],
  },
  memory: { title: "Memory", columns: volume },
  storage: { title: "Storage", columns: volume },
  sensors: {
    title: "Sensors",
    columns: [
      { label: "Name", text: text("name") },
      { label: "Kind", text: text("kind") },
      { label: "Interface", text: text("interface") },
      {
        label: "Value",
        right: true,
        text: (row) => {
          const value = number(row, "value");
          return value === null ? null : `${Number(value.toFixed(3))} ${text("unit")(row) ?? ""}`.trim();
        },
      },
    ],
  },
  inventory: {
    title: "Inventory",
    columns: [
      { label: "Name", text: (row) => text("name")(row) ?? text("description")(row) },
      { label: "Class", text: text("class") },
      { label: "Model", text: text("model") },
      { label: "Serial", text: text("serial") },
      { label: "Hardware", text: text("hardware_revision") },
      { label: "Software", text: (row) => text("software_revision")(row) ?? text("firmware_revision")(row) },
    ],
  },
  addresses: {
    title: "Addresses",
    columns: [
      { label: "Address", text: (row) => (number(row, "prefix_len") === null ? text("address")(row) : `${text("address")(row)}/${number(row, "prefix_len")}`) },
      { label: "Interface", text: text("interface") },
    ],
  },
  vlans: {
    title: "VLANs",
    columns: [
      { label: "VLAN", text: text("id") },
      { label: "Name", text: text("name") },
    ],
  },
};
