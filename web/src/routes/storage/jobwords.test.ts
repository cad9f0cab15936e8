import { expect, test } from "vitest";
import type { Job } from "../../lib/api/shapes";
import { importedOf, isOver, kindOf, progressWords, reasonsOf, resultWords, shareOf, STATES } from "./jobwords";

const plain = (text: string): string => text.replaceAll("\u202f", " ");
const KINDS: Job["kind"][] = ["import", "export", "delete", "correct", "archive", "restore", "archive_check"];
const imported = { dry_run: true, rows: 10, added: 5, replaced: 1, same: 2, repeated: 1, refused: 1, reasons: { too_old: 1, unknown_device: 4 }, faults: [], series: 3, new_series: 1, days: 1, days_done: 0, cut_short: true };

test("each kind and state has words", () => {
  for (const kind of KINDS) expect(kindOf({ kind })).toMatch(/^[A-Z]/);
  expect(Object.entries(STATES).filter(([state]) => isOver({ state: state as Job["state"] })).map(([, said]) => said.word)).toEqual(["Done", "Failed", "Cancelled", "Interrupted"]);
});

test("progress", () => {
  const kind = "restore" as const;
  expect(progressWords({ kind, done: 12, total: 31, unit: "days" })).toBe("12 of 31 days");
  expect(progressWords({ kind: "export", done: 1, total: 1, unit: "series" })).toBe("1 of 1 series");
  expect(plain(progressWords({ kind, done: 1024, total: 4096, unit: "octets" }))).toBe("1 KiB of 4 KiB");
  expect(progressWords({ kind, done: 12, total: null, unit: "samples" })).toBe("12 samples so far");
  expect(progressWords({ kind, done: 0, unit: "days" })).toBe("");
  expect(plain(progressWords({ kind: "import", done: 1024, total: 4096, unit: "octets" }))).toBe("25 % done");
  expect(progressWords({ kind: "import", done: 1024, unit: "octets" })).toBe("");
  expect([shareOf({ done: 1, total: 4 }), shareOf({ done: 9, total: 4 }), shareOf({ done: 9 }), shareOf({ done: 0, total: 0 })]).toEqual([0.25, 1, null, null]);
});

test("what came of it", () => {
  for (const kind of KINDS) expect(resultWords({ kind, result: null })).toBe("");
  expect(plain(resultWords({ kind: "export", result: { series: 1, samples: 3400, bytes: 2048 } }))).toBe("3,400 samples of 1 series, 2 KiB");
  expect(resultWords({ kind: "delete", result: { devices: 2, series: 3, samples: 4 } })).toBe("4 samples of 3 series on 2 devices deleted");
  expect(resultWords({ kind: "restore", result: { days: 1, series: 3, samples: 4 } })).toBe("1 day: 4 samples of 3 series are here again");
  expect(plain(resultWords({ kind: "archive", result: { days: 2, samples: 4, bytes: 1024 } }))).toBe("2 days archived: 4 samples, 1 KiB");
  expect(resultWords({ kind: "restore", result: { days: 2, series: 3, samples: 4, refused: { deleted_device: 5, other: 0 } } })).toBe("2 days: 4 samples of 3 series are here again; series that are not: deleted device 5");
  const damaged = [{ day: "2026-03-01T00:00:00Z", what: "a block" }];
  expect(resultWords({ kind: "restore", result: { days: 1, series: 3, samples: 4, damaged } })).toMatch(/are here again; damaged are .*\(a block\)$/);
  expect(plain(resultWords({ kind: "archive_check", result: { days: 2, bytes: 1024, damaged: [] } }))).toBe("2 days read, 1 KiB: all is sound");
  expect(plain(resultWords({ kind: "archive_check", result: { days: 1, bytes: 0, damaged: [{ day: "2026-02-03T00:00:00Z", what: "block 3" }] } }))).toBe("1 day read, 0 B: damaged are 3 Feb 2026 (block 3)");
  expect(plain(resultWords({ kind: "correct", result: { replaced: 2, bytes: 1024, ids: [] } }))).toBe("replaced 2, bytes 1 KiB");
});

test("what came of an import", () => {
  expect(resultWords({ kind: "import", result: imported })).toBe(
    "Dry run: 10 rows: 5 would be written, 1 with another value, 2 there already, 1 repeated in the file, 1 refused; 3 series, 1 of them new; the file ends too early, some of it may be missing",
  );
  expect(resultWords({ kind: "import", result: { ...imported, dry_run: false, replaced: 0, same: 0, repeated: 0, refused: 0, new_series: 0, cut_short: false } })).toBe("10 rows: 5 new; 3 series");
  expect(reasonsOf(imported)).toBe("unknown device 4, too old 1");
  expect([importedOf({ kind: "export", result: imported }), importedOf({ kind: "import", result: {} })]).toEqual([null, null]);
});
