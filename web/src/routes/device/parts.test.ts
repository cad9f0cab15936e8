import { expect, test } from "vitest";
import type { Series } from "../../lib/api/shapes";
import { asTree, PARTS, seriesOf, type History } from "./parts";

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

test("what a device did not tell is left out, and nothing is made up", () => {
  for (const part of Object.values(PARTS)) for (const column of part.columns) expect(column.text({})).toBeNull();
  for (const part of Object.values(PARTS)) expect(part.none).toMatch(/^This device has told of no /);
});

test("a sensor that says true or false does not say 1 or 2", () => {
  const value = PARTS.sensors.columns.find((column) => column.label === "Value");
  expect([1, 2, 3].map((v) => value?.text({ kind: "state", value: v }))).toEqual(["true", "false", "3"]);
  expect(value?.text({ kind: "temperature", value: 1, unit: "°C" })).toBe("1 °C");
});
