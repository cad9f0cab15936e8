import { expect, test } from "vitest";
import { EMPTY, endOf, requestOf, told } from "./maintenanceform";

const now = Date.parse("2026-03-01T12:00:00Z");

test("it ends after a while, at a time, or not by itself", () => {
  expect(endOf({ ...EMPTY, ends: "1h" }, now)).toBe("2026-03-01T13:00:00.000Z");
  expect(endOf({ ...EMPTY, ends: "open" }, now)).toBeNull();
  expect(endOf({ ...EMPTY, ends: "at", at: "2026-03-01T18:00" }, now)).toBe(new Date("2026-03-01T18:00").toISOString());
  expect(endOf({ ...EMPTY, ends: "at", at: "" }, now)).toBeUndefined();
});

test("what is sent names the devices in one way, and leaves an empty reason out", () => {
  expect(requestOf({ ...EMPTY, ends: "open", reason: "  " }, { site: "Leiden" }, now)).toEqual({ site: "Leiden", maintenance: true, until: null, reason: null });
  expect(requestOf({ ends: "1h", at: "", reason: " new card " }, { device_ids: ["a"] }, now)).toMatchObject({ device_ids: ["a"], reason: "new card" });
  expect(requestOf({ ...EMPTY, ends: "at", at: "soon" }, { tag: "core" }, now)).toBeNull();
});

test("it is told with its end and its reason", () => {
  const words = told({ maintenance_since: new Date(now - 60_000).toISOString(), maintenance_until: new Date(now + 3_600_000).toISOString(), maintenance_reason: "new card" }, now);
  expect(words).toMatch(/^since .*, until .* \(1.h left\): new card$/);
  expect(told({ maintenance_since: "1970-01-01T00:00:00Z" }, now)).toBe("until somebody ends it");
});
