import { expect, test } from "vitest";
import type { KeptSize, RetentionPolicy } from "../../lib/api/shapes";
import { bytesOfDay, levelRows, sentence, sharesOf, standingOf } from "./sizes";

const plain = (text: string): string => text.replaceAll("\u202f", " ");
const size = (level: KeptSize["level"], bytes: number, more: Partial<KeptSize> = {}): KeptSize => ({
  level, range_secs: 86_400, files: 1, bytes, samples: bytes, oldest: "2025-03-03T00:00:00.000Z", newest: "2025-03-13T00:00:00.000Z", ...more,
});
const policy = (level: KeptSize["level"], keep_days: number, built_in = false): RetentionPolicy => ({
  id: `${level}${keep_days}`, name: "p", metrics: [], device_tags: [], level, keep_days, priority: 1, without_archive: false, built_in, revision: 0,
});

test.each([
  [{ bytes: null, oldest: null, perDay: null, free: null }, "How much is kept is not known."],
  [{ bytes: 0, oldest: null, perDay: null, free: 5 }, "No samples in files yet."],
  [{ bytes: 2048, oldest: "2025-03-03T00:00:00Z", perDay: null, free: 5 }, "2 KiB of samples since 3 Mar 2025."],
  [{ bytes: 2 ** 40, oldest: "2025-03-03T00:00:00Z", perDay: 2 ** 32, free: null }, "1 TiB of samples since 3 Mar 2025, 4 GiB a day."],
  [{ bytes: 2048, oldest: "2025-03-03T00:00:00Z", perDay: 1024, free: 1000 }, "2 KiB of samples since 3 Mar 2025, 1 KiB a day; the disk has room for less than a day more."],
  [{ bytes: 2048, oldest: "2025-03-03T00:00:00Z", perDay: 1024, free: 1100 }, "2 KiB of samples since 3 Mar 2025, 1 KiB a day; the disk has room for 1 day more."],
  [{ bytes: 2048, oldest: "2025-03-03T00:00:00Z", perDay: 1024, free: 62.9 * 1024 }, "2 KiB of samples since 3 Mar 2025, 1 KiB a day; the disk has room for 62 days more."],
])("the sentence %#", (standing, text) => expect(plain(sentence(standing))).toBe(text));

test("what is not known is not zero", () => {
  expect(standingOf(null)).toEqual({ bytes: null, oldest: null, perDay: null, free: null });
  expect(standingOf([])).toEqual({ bytes: 0, oldest: null, perDay: null, free: null });
});

test("files of several ranges are one row a level", () => {
  const rows = levelRows(
    [size("raw", 600), size("raw", 100, { range_secs: 7200, files: 3, samples: 50, newest: "2025-03-13T08:00:00.000Z" }), size("1h", 300, { oldest: "2020-01-01T00:00:00.000Z" })],
    [policy("raw", 400, true), policy("raw", 30), policy("raw", 90), policy("1h", 3652, true)],
  );
  expect(rows.map((row) => [row.key, row.files, row.bytes, row.share])).toEqual([["raw", 4, 700, 70], ["1h", 1, 300, 30]]);
  expect(rows[0]).toMatchObject({ samples: 650, oldest: "2025-03-03T00:00:00.000Z", newest: "2025-03-13T08:00:00.000Z", says: "400 days; by other policies 30 to 90 days" });
  expect(rows[1]?.says).toBe("3,652 days");
});

test("an archive is a row where something is in it", () => {
  const archive = { days: 2, bytes: 100, samples: 0, oldest: "2025-01-01", newest: "2025-01-02" };
  expect(levelRows([size("raw", 100)], null, archive).map((row) => [row.key, row.share, row.octetsEach])).toEqual([["raw", 50, 1], ["archive", 50, null]]);
  expect(levelRows([], null, archive)[0]?.newest).toBe("2025-01-03T00:00:00.000Z");
  expect(levelRows([size("raw", 100)], null, { ...archive, days: 0 })).toHaveLength(1);
});

test("shares make a hundred", () => {
  for (const parts of [[1, 1, 1], [5], [1, 999_999], [3, 3, 3, 7], [0, 2, 1], [1e15, 1, 1]]) {
    expect(sharesOf(parts).reduce((a, b) => a + b, 0)).toBe(100);
  }
  expect(sharesOf([1, 1, 1])).toEqual([34, 33, 33]);
  expect([sharesOf([]), sharesOf([0, 0])]).toEqual([[], [0, 0]]);
});

test("octets of a day", () => {
  expect(bytesOfDay([size("raw", 1000), size("5m", 90), size("1h", 9000, { newest: "2025-03-03T02:00:00.000Z" })])).toBe(109);
  expect(bytesOfDay([size("raw", 1000, { newest: "2025-03-03T02:00:00.000Z" })])).toBeNull();
  expect(bytesOfDay([size("5m", 1)])).toBeNull();
});
