import { expect, test } from "vitest";
import type { Backup } from "../../lib/api/shapes";
import { lastDone, progressWords, restoreCommand, shareOf } from "./backupwords";

const plain = (text: string): string => text.replaceAll("\u202f", " ");
const backup = (id: string, phase: Backup["phase"]): Backup => ({ id, phase, started_at: "", encrypted: false, bytes_total: 0, bytes_done: 0, bytes_written: 0, left_out: [] });

test("progress, also where the whole is not known or grew too small", () => {
  expect(plain(progressWords({ bytes_done: 1024, bytes_total: 4096 }))).toBe("1 KiB of 4 KiB gone over (25 %)");
  expect(plain(progressWords({ bytes_done: 0, bytes_total: 0 }))).toBe("0 B gone over");
  expect([shareOf({ bytes_done: 9, bytes_total: 4 }), shareOf({ bytes_done: 9, bytes_total: 0 })]).toEqual([1, null]);
});

test("the last success is not the last try", () => {
  expect(lastDone([backup("c", "running"), backup("b", "failed"), backup("a", "done")])?.id).toBe("a");
  expect(lastDone([backup("b", "failed")])).toBeNull();
  expect(restoreCommand("a")).toMatch(/--backup a --into/);
});
