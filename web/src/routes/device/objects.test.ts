import { expect, test } from "vitest";
import { columnsOf, faultsOf, profileName, profileOf, quoted, sensorsOf } from "./objects";

const row = (oid: string, name?: string) => ({ oid, ...(name && { name }), syntax: "INTEGER", value: "1" });
const form = { kind: "temperature", divide: "", unit: "", label: "" };

test("rows of one column are one object, with as many arcs of an index as the name says", () => {
  expect(columnsOf([row("1.3.9.1.7.1", "acmeTemp.7.1"), row("1.3.9.1.7.2", "acmeTemp.7.2"), row("1.3.9.2.0", "acmeFan.0")])).toEqual([
    { name: "acmeTemp", oid: "1.3.9.1", isScalar: false },
    { name: "acmeFan", oid: "1.3.9.2", isScalar: true },
  ]);
});

test("rows without a name are named, each name once", () => {
  expect(columnsOf([row("1.3.9.1.0"), row("1.3.9.2.5"), row("1.3.9.2.6")])).toEqual([
    { name: "object1", oid: "1.3.9.1", isScalar: true },
    { name: "object2", oid: "1.3.9.2", isScalar: false },
  ]);
  expect(columnsOf([row("1.3.1.0", "a.0"), row("1.3.2.0", "a.0")]).map((c) => c.name)).toEqual(["a", "a_"]);
});

test("a profile", () => {
  const columns = columnsOf([row("1.3.9.1.3", "acmeTemp.3"), row("1.3.9.2.0", "acmeInlet.0")]);
  expect(profileOf('Acme "9"', "1.3.6.1.4.1.99999.1", columns, { ...form, divide: " 10 ", unit: "kelvin" })).toBe(`summary = "Acme \\"9\\""

[[match]]
object_id = ["1.3.6.1.4.1.99999.1"]

[objects]
acmeTemp = "1.3.9.1"
acmeInlet = "1.3.9.2"

[[sensor]]
kind = "temperature"
value = "acmeTemp"
divide = 10
unit = "kelvin"
name = "acmeTemp {index}"

[[sensor]]
kind = "temperature"
value = "acmeInlet"
divide = 10
unit = "kelvin"
name = "acmeInlet"
`);
  expect(profileOf("", "1.3", columns, { ...form, label: "In * at {ifName}" })).toContain('name = "In acmeTemp at {ifName}"');
});

test.each([["", undefined], ["10", undefined], ["0.1", undefined], ["0", "A number other than 0, or nothing"], ["ten", "A number other than 0, or nothing"]])("divide by %s", (divide, wrong) => expect(faultsOf({ ...form, divide }).divide).toBe(wrong));

test.each([["Core Switch 1", "core-switch-1"], ["--", "own"], ["Ä", "own"], ["a".repeat(80), "a".repeat(64)]])("the profile of %s is %s", (text, name) => expect(profileName(text)).toBe(name));

test("quotes and control characters are escaped", () => expect(quoted('a"\\\n\u007f')).toBe('"a\\"\\\\\\n\\u007f"'));

test("what a trial does not tell is left out", () => {
  expect(sensorsOf({ sensors: [{ name: "Inside", kind: "temperature", value: 31.5, unit: "°C" }, {}] })).toEqual([
    { name: "Inside", kind: "temperature", value: 31.5, unit: "°C" },
    { name: "", kind: "", value: null, unit: null },
  ]);
  expect(sensorsOf(null)).toEqual([]);
});
