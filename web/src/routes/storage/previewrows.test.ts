import { expect, test } from "vitest";
import type { RetentionPreview } from "../../lib/api/shapes";
import { headline, previewRows, releaseWords, saveWords } from "./previewrows";

const plain = (text: string): string => text.replaceAll("\u202f", " ");
const none: RetentionPreview = { at: "", files_removed: 0, days_rewritten: 0, bytes: 0, samples: 0, by_policy: [], by_hold: [], bytes_held_by_several: 0, samples_held_by_several: 0, files: [], files_left: 0, bytes_left: 0 };
const some: RetentionPreview = {
  ...none, files_removed: 12, days_rewritten: 1, bytes: 3 * 2 ** 30, samples: 1_000_000,
  by_policy: [{ policy_id: "a", name: "lab", bytes: 2 ** 30, samples: 1 }, { bytes: 2 ** 31, samples: 2 }],
  by_hold: [{ hold_id: "h", bytes: 2048, samples: 7 }, { hold_id: "gone", bytes: 1, samples: 1 }],
  bytes_held_by_several: 5, samples_held_by_several: 2, files_left: 3, bytes_left: 9,
};

test("rows: what goes by policy, what holds keep, what was not looked into", () => {
  const rows = previewRows(some, [{ id: "h", reason: "case 17" }]);
  expect(rows.map((row) => [row.fate, row.what, row.bytes])).toEqual([
    ["goes", "What deleted devices left", 2 ** 31],
    ["goes", "By lab", 2 ** 30],
    ["held", "Kept only by the hold “case 17”", 2048],
    ["held", "Kept by several holds", 5],
    ["held", "Kept only by a hold", 1],
    ["unseen", "3 files that this did not look into; passes to come do", 9],
  ]);
  expect(new Set(rows.map((row) => row.key)).size).toBe(rows.length);
  expect(previewRows(none, [])).toEqual([]);
});

test("in a word", () => {
  expect([headline(none), headline({ ...none, files_left: 1 })]).toEqual(["Nothing goes.", "Nothing goes of what was looked into."]);
  expect(plain(headline(some))).toBe("3 GiB in 1,000,000 samples go with the passes to come: 12 files whole, 1 day written again without it.");
  expect([plain(saveWords(some)), saveWords(none), saveWords({ ...none, samples: 3 })]).toEqual(["Save; 3 GiB go at the next pass", "Save", "Save; 3 samples go at the next pass"]);
});

test("what a release leaves to the policies", () => {
  expect(plain(releaseWords(some, "h"))).toBe("2 KiB in 7 samples are kept by this hold alone: they go with the passes to come. 3 files were not looked into. That cannot be undone.");
  expect(releaseWords(none, "h")).toMatch(/^Nothing is kept by this hold alone now\. What/);
});
