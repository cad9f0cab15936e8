// From objects that a walk found to the text of a profile. Pure.

import type { WalkedObject } from "../../lib/api/shapes";

/** Kinds of sensors with the units they are told in, as in docs/guide/device-profiles.md. */
export const KINDS: Record<string, string> = {
  temperature: "°C", voltage: "V", current: "A", power: "W", power_factor: "", power_consumed: "kWh", frequency: "Hz", humidity: "%", fanspeed: "rpm",
  airflow: "m³/min", waterflow: "l/min", pressure: "kPa", state: "", dbm: "dBm", snr: "dB", signal: "dBm", signal_loss: "dB", tv_signal: "dBmV",
  noise_floor: "dBm", quality_factor: "dB", chromatic_dispersion: "ps/nm", delay: "s", ber: "", bitrate: "bit/s", load: "%", percent: "%",
  utilization: "%", charge: "%", runtime: "min", count: "", clients: "", access_points: "", distance: "km", other: "",
};

/** Units that values may come in besides that of their kind. */
export const UNITS: Record<string, readonly string[]> = { temperature: ["fahrenheit", "kelvin"], dbm: ["mw", "uw"], signal: ["mw", "uw"] };

export interface Column {
  /** What it is called in the profile. */
  name: string;
  oid: string;
  isScalar: boolean;
}

export interface StanzaForm {
  kind: string;
  divide: string;
  unit: string;
  /** A template; `*` stands for the object's name. Empty: that name, and for columns the index. */
  label: string;
}

const NAME = /^[A-Za-z][A-Za-z0-9_-]*$/;

/** The objects that rows belong to, each once. A row without a name is a scalar where it ends in 0; of others the last arc is taken as the index. */
export function columnsOf(rows: readonly WalkedObject[]): Column[] {
  const found = new Map<string, Column>();
  for (const row of rows) {
    const arcs = row.oid.split(".");
    const [name = "", ...instance] = (row.name ?? "").split(".");
    const known = NAME.test(name);
    const length = known ? instance.length : 1;
    const oid = arcs.slice(0, arcs.length - length).join(".");
    const isScalar = arcs.slice(arcs.length - length).join(".") === "0";
    if (found.has(oid)) continue;
    const taken = new Set([...found.values()].map((column) => column.name));
    let own = known ? name : `object${found.size + 1}`;
    while (taken.has(own)) own += "_";
    found.set(oid, { name: own, oid, isScalar });
  }
  return [...found.values()];
}

/** A TOML basic string. */
export function quoted(text: string): string {
  return JSON.stringify(text).replaceAll("\u007f", "\\u007f");
}

/** What is wrong with a form, by field. */
export function faultsOf(form: StanzaForm): Partial<Record<keyof StanzaForm, string>> {
  const divide = form.divide.trim();
  const bad = divide !== "" && !(Number.isFinite(Number(divide)) && Number(divide) !== 0);
  return bad ? { divide: "A number other than 0, or nothing" } : {};
}

/** The text of a profile that reads these objects as sensors. `objectId` is the device's sysObjectID. */
export function profileOf(summary: string, objectId: string, columns: readonly Column[], form: StanzaForm): string {
  const lines = [`summary = ${quoted(summary)}`, "", "[[match]]", `object_id = [${quoted(objectId)}]`, "", "[objects]"];
  for (const column of columns) lines.push(`${column.name} = ${quoted(column.oid)}`);
  for (const column of columns) {
    const label = form.label.trim() || (column.isScalar ? "*" : "* {index}");
    lines.push("", "[[sensor]]", `kind = ${quoted(form.kind)}`, `value = ${quoted(column.name)}`);
    if (form.divide.trim() !== "") lines.push(`divide = ${Number(form.divide)}`);
    if (form.unit !== "") lines.push(`unit = ${quoted(form.unit)}`);
    lines.push(`name = ${quoted(label.replaceAll("*", column.name))}`);
  }
  return `${lines.join("\n")}\n`;
}

/** A name for a profile, from what a person calls the device. */
export function profileName(text: string): string {
  return text.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-+|-+$/g, "").slice(0, 64) || "own";
}

/** A sensor of a trial's facts, as far as it is shown. */
export interface TriedSensor {
  name: string;
  kind: string;
  value: number | null;
  unit: string | null;
}

/** The sensors of what a trial read. */
export function sensorsOf(facts: unknown): TriedSensor[] {
  const list = typeof facts === "object" && facts !== null && "sensors" in facts && Array.isArray(facts.sensors) ? (facts.sensors as unknown[]) : [];
  return list.map((one) => {
    const row = (one ?? {}) as Record<string, unknown>;
    return { name: String(row["name"] ?? ""), kind: String(row["kind"] ?? ""), value: typeof row["value"] === "number" ? row["value"] : null, unit: typeof row["unit"] === "string" ? row["unit"] : null };
  });
}
