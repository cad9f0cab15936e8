import { describe, expect, test } from "vitest";
import * as units from "./units";

/** Formats are compared with plain spaces, as a reader sees them. */
function check(written: string, expected: string): void {
  expect(written.replaceAll("\u202f", " ")).toBe(expected);
}

describe("absent values are not zero", () => {
  for (const format of [units.count, units.bps, units.bytes, units.percent, units.shortTime, units.perSecond, units.duration]) {
    test(format.name, () => {
      check(format(null), "–");
      check(format(undefined), "–");
      check(format(Number.NaN), "–");
      expect(format(0)).not.toBe("–");
    });
  }
});

test.each([
  [0, "0 bit/s"],
  [1, "1 bit/s"],
  [999, "999 bit/s"],
  [1000, "1 kbit/s"],
  [12_340, "12.3 kbit/s"],
  [999_999, "1 Mbit/s"],
  [1.5e9, "1.5 Gbit/s"],
  [400e9, "400 Gbit/s"],
])("bps %d", (value, expected) => check(units.bps(value), expected));

test.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1 KiB"],
  [8 * 2 ** 30, "8 GiB"],
  [1.25 * 2 ** 40, "1.25 TiB"],
])("bytes %d", (value, expected) => check(units.bytes(value), expected));

test.each([
  [0, "0 %"],
  [0.0002, "< 0.1 %"],
  [0.416, "41.6 %"],
  [1, "100 %"],
])("percent %d", (value, expected) => check(units.percent(value), expected));

test.each([
  [0.000_012, "12 µs"],
  [0.0123, "12.3 ms"],
  [1.5, "1.5 s"],
])("shortTime %d", (value, expected) => check(units.shortTime(value), expected));

test.each([
  [0, "0 s"],
  [59_999, "59 s"],
  [660_000, "11 min"],
  [3_600_000, "1 h"],
  [5_460_000, "1 h 31 min"],
  [90_000_000, "1 d 1 h"],
  [40 * 86_400_000, "40 d"],
])("duration %d", (value, expected) => check(units.duration(value), expected));

test("ago", () => {
  const now = Date.parse("2026-03-01T12:00:00Z");
  check(units.ago("2026-03-01T11:59:48Z", now), "12 s ago");
  check(units.ago("2026-03-01T12:00:03Z", now), "just now");
  check(units.ago(null, now), "–");
  check(units.ago("yesterday", now), "–");
});

test("plural", () => {
  expect(units.plural(1, "device")).toBe("1 device");
  expect(units.plural(1204, "device")).toBe("1,204 devices");
});

test.each([
  [31.54, "celsius", "31.5 °C"],
  [-3.2, "dBm", "-3.2 dBm"],
  [0.42, "ratio", "42 %"],
  [8.3e9, "octets", "7.73 GiB"],
  [4200, "rpm", "4200 rpm"],
  [3, "", "3"],
  [null, "volts", "–"],
] as const)("%s %s", (value, unit, expected) => check(units.measured(value, unit), expected));

test.each([
  [1, "100 %"],
  [0.9999999, "99.999 %"],
  [0.99998, "99.998 %"],
  [0.999, "99.900 %"],
  [0.95125, "95.12 %"],
  [0.5, "50.0 %"],
  [0, "0.0 %"],
  [null, "–"],
] as const)("availability of %s is %s", (ratio, expected) => check(units.availability(ratio), expected));

test("octets of one of many, and UTC days", () => {
  check(units.octetsEach(1.6), "1.60 B");
  check(units.octetsEach(null), "–");
  check(units.utcDay("2025-03-03T23:59:59Z"), "3 Mar 2025");
  check(units.utcDay(0), "1 Jan 1970");
  check(units.utcDay("nonsense"), "–");
});
