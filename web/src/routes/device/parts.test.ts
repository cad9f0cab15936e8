import { expect, test } from "vitest";
import type { Series } from "../../lib/api/shapes";
import { percent } from "../../lib/units";
import { asTree, PARTS, seriesOf, standing, type History, type PartName, type PartRow } from "./parts";

test("parts stand below what contains them, a ring ends", () => {
  const rows = [
    { index: 3, contained_in: 2, name: "port" },
    { index: 1, contained_in: 0, name: "chassis" },
    { index: 2, contained_in: 1, name: "module" },
    { index: 8, contained_in: 9, name: "ring a" },
    { index: 9, contained_in: 8, name: "ring b" },
    { name: "without an index" },
  ];
  expect(asTree(rows).map((row) => `${row.depth} ${row.name}`)).toEqual(["0 chassis", "1 module", "2 port", "0 without an index", "0 ring a", "1 ring b"]);
});

function series(metric: string, sensor: string): Series {
  return { id: `${metric} ${sensor}`, metric, unit: "", kind: "gauge", labels: { sensor } };
}

test("a row finds its history, also where two have one name", () => {
  const { history } = PARTS.sensors;
  const all = [series("sensor_temperature", "inlet [12]"), series("sensor_temperature", "inlet [4]"), series("sensor_dbm", "inlet"), series("icmp_rtt", "fan")];
  const rows = [{ name: "inlet" }, { name: "inlet" }, { name: "inlet" }, { name: "inlet" }, { name: "fan" }, {}];
  expect(seriesOf(rows, history as History, all).map((one) => one?.labels.sensor ?? null)).toEqual(["inlet", "inlet [4]", "inlet [12]", null, null, null]);
});

test("sensors of two kinds may share a name", () => {
  const { history } = PARTS.sensors;
  const all = [series("sensor_temperature", "Gi0/1"), series("sensor_dbm", "Gi0/1")];
  const rows = [{ name: "Gi0/1", metric: "sensor_dbm" }, { name: "Gi0/1", metric: "sensor_temperature" }];
  expect(seriesOf(rows, history as History, all).map((one) => one?.metric)).toEqual(["sensor_dbm", "sensor_temperature"]);
});

test("what a device did not tell is left out, and nothing is made up", () => {
  for (const part of Object.values(PARTS)) for (const column of part.columns) expect(column.text({})).toBeNull();
  for (const part of Object.values(PARTS)) expect(part.none).toMatch(/^This device has told of no /);
});

test("a VLAN names its ports, and says where it has none", () => {
  const told = (row: PartRow) => PARTS.vlans.columns.map((column) => column.text(row));
  expect(told({ id: 10, name: "office", untagged: ["ge-0/0/1", "ge-0/0/2"], tagged: [] })).toEqual(["10", "office", "ge-0/0/1, ge-0/0/2", "none"]);
  expect(told({ id: 20 })).toEqual(["20", null, null, null]);
});

test("a state is told by its name, or said to be one", () => {
  const value = PARTS.sensors.columns.find((column) => column.label === "Value");
  expect(value?.text({ kind: "state", value: 1, state: "running" })).toBe("running");
  expect(value?.text({ kind: "state", value: 3 })).toBe("state 3");
  expect(value?.text({ kind: "temperature", value: 1, unit: "°C" })).toBe("1 °C");
});

test("a sensor stands by its state, else by its limits, and what is broken comes first", () => {
  const limits = { low_warning: 10, high_warning: 50, high: 60 };
  const rows = [
    { name: "a", value: 20, limits },
    { name: "b", value: 55, limits },
    { name: "c", value: 61, limits },
    { name: "d", value: 5, limits },
    { name: "e", value: 2, severity: "critical" },
    { name: "f", value: 2 },
  ];
  expect(rows.map(standing)).toEqual(["ok", "warning", "critical", "warning", "critical", null]);
  expect(PARTS.sensors.order?.(rows).map((row) => row.name)).toEqual(["c", "e", "b", "d", "a", "f"]);
});

test("sensors are shown where the server says that they belong", () => {
  const rows = [{ group: "optics" }, { group: "power" }, { group: "radio" }, { group: "other" }];
  const shown = (part: PartName) => rows.filter((row) => PARTS[part].keep?.(row) ?? true).map((row) => row.group);
  expect([shown("optics"), shown("power"), shown("signals")]).toEqual([["optics"], ["power"], ["radio"]]);
  expect(shown("sensors")).toHaveLength(4);
});

test("access points, radios and networks are each a table, with the history of their clients", () => {
  const rows = [
    { kind: "access_point", name: "hall", state: "up", clients: 9 },
    { kind: "radio", name: "hall radio 0", access_point: "hall", channel: 36, frequency_mhz: 5180, transmit_power_dbm: 18.5, noise_dbm: -92, utilization_percent: 37, clients: 9 },
    { kind: "network", name: "hall", clients: 7 },
  ];
  const parts = [PARTS["access-points"], PARTS.radios, PARTS.networks];
  expect(parts.map((part) => rows.filter((row) => part.keep?.(row)).map((row) => row.kind))).toEqual([["access_point"], ["radio"], ["network"]]);
  expect(PARTS.radios.columns.map((column) => column.text(rows[1] ?? {}))).toEqual(["hall radio 0", "hall", null, "36", "5180 MHz", "18.5 dBm", "-92 dBm", percent(0.37), "9"]);
  const of = (metric: string, label: string, name: string): Series => ({ id: `${metric} ${label}`, metric, unit: "", kind: "gauge", labels: { [label]: name } });
  const all = [of("wireless_clients", "access_point", "hall"), of("wireless_clients", "ssid", "hall"), of("wireless_utilization", "radio", "hall radio 0")];
  const found = parts.map((part) => seriesOf(rows, part.history as History, all).map((one) => one?.id ?? null));
  expect(found[0]?.[0]).toBe("wireless_clients access_point");
  expect(found[1]?.[1]).toBe("wireless_utilization radio");
  expect(found[2]?.[2]).toBe("wireless_clients ssid");
});
