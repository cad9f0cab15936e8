import { expect, test } from "vitest";
import type { AuditEntry } from "../../lib/api/shapes";
import { actionOf, countsOf, whatOf } from "./auditwords";

test("an entry in words", () => {
  expect([actionOf({ action: "delete_samples" }), actionOf({ action: "new_thing" as AuditEntry["action"] })]).toEqual(["Samples deleted", "new thing"]);
  expect(whatOf({ selector: "a{}" })).toBe("a{}");
  expect(whatOf({ selector: "a{}", from: "2026-01-01T00:00:00Z" })).toMatch(/^a\{\}, 1 Jan 2026.* to now$/);
  expect(whatOf({})).toBe("");
  expect(countsOf({ counts: { devices: 1, series: 2, samples: 3, replaced: 1, refused: 0 } })).toBe("1 device, 2 series, 3 samples, 1 sample with another value");
  expect(countsOf({})).toBe("");
});
