import { expect, test } from "vitest";
import type { SeriesCardinality } from "../../lib/api/shapes";
import { ofNotices, ofRetention, ofSeries } from "./trouble";

test("notices of storage come with what to do, others stay where they are", () => {
  const since = "2026-01-01T00:00:00Z";
  const got = ofNotices([{ code: "icmp_not_permitted", message: "a", since }, { code: "backup_failed", message: "b", since }, { code: "damage_set_aside", message: "c", since }, { code: "disk_full", message: "d", since }]);
  expect(got.map((one) => [one.what, one.section])).toEqual([["b", "backups"], ["c", null], ["d", null]]);
  expect(got[2]?.todo).toContain("Make room");
  expect(got.every((one) => one.todo.length > 0)).toBe(true);
});

test("retention that does not run", () => {
  expect(ofRetention(null)).toEqual([]);
  expect(ofRetention({ sizes: [], holds: 0 })).toEqual([]);
  expect(ofRetention({ sizes: [], holds: 0, failing: "a policy cannot be read" })[0]?.what).toBe("Retention: a policy cannot be read");
});

test("devices that asked for more series than they may have", () => {
  const of = (near_bound: SeriesCardinality["near_bound"]): SeriesCardinality => ({
    series: 1, devices: 1, series_per_device_max: 16_384, by_metric: [], by_label: [], largest_devices: [], near_bound, near_bound_count: near_bound.length,
  });
  expect(ofSeries(of([{ device_id: "d", series: 15_000 }]))).toEqual([]);
  expect(ofSeries(of([{ device_id: "d", device_name: "core", series: 16_384, asked: 20_000 }]))[0]?.what).toBe("core asked for more series than the 16,384 that a device may have.");
  expect(ofSeries(of([{ device_id: "d", series: 1, asked: 2 }, { device_id: "e", series: 1, asked: 2 }]))[0]?.what).toMatch(/^A device and 1 more device asked/);
});
