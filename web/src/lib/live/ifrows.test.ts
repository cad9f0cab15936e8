import { expect, test } from "vitest";
import type { IfLive } from "./ifrates";
import { current, isSilent, NO_ROWS, withHeard } from "./ifrows";

const row = (inBps: number): IfLive => ({ inBps, outBps: 0, operStatus: "up", sampleAt: 0 });

test("a device that stops answering keeps no live rate beyond three polls", () => {
  const rows = withHeard(NO_ROWS, new Map([["i1", row(8000)]]), 1_000_000);
  expect(current(rows, 5, 1_015_000).get("i1")?.inBps).toBe(8000);
  expect(current(rows, 5, 1_015_001).size).toBe(0);
  expect(current(rows, 60, 1_180_000).size).toBe(1);
});

test("only the interface that is no longer told of loses its row", () => {
  const before = withHeard(NO_ROWS, new Map([["i1", row(1)], ["i2", row(2)]]), 0);
  const rows = withHeard(before, new Map([["i2", row(3)]]), 10_000);
  expect([...current(rows, 5, 16_000)].map(([id, { inBps }]) => [id, inBps])).toEqual([["i2", 3]]);
});

test("rows that are all fresh are the same map, so that nothing is drawn anew", () => {
  const rows = withHeard(NO_ROWS, new Map([["i1", row(1)]]), 0);
  expect(current(rows, 5, 1000)).toBe(rows);
});

test("a browser whose clock is an hour off shows live rates all the same", () => {
  const rows = withHeard(NO_ROWS, new Map([["i1", { ...row(1), sampleAt: 0 }]]), 3_600_000);
  expect(current(rows, 5, 3_601_000).size).toBe(1);
});

test("nothing is live of a device that is down or unknown", () => {
  expect(["up", "degraded", "down", "unknown"].filter(isSilent)).toEqual(["down", "unknown"]);
});
