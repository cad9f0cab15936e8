// What the stream said of each interface last, for as long as it says how things are. Pure.

import { GAP_POLLS } from "../rates";
import type { IfLive } from "./ifrates";

export interface IfRow extends IfLive {
  /** When the page heard it, unix ms by the browser's clock, whatever the server's says. */
  heardAt: number;
}

export type IfRows = ReadonlyMap<string, IfRow>;

export const NO_ROWS: IfRows = new Map();

/** The rows with what one batch changed of them. */
export function withHeard(rows: IfRows, changed: ReadonlyMap<string, IfLive>, heardAt: number): IfRows {
  return new Map([...rows, ...[...changed].map(([id, row]) => [id, { ...row, heardAt }] as const)]);
}

/**
 * The rows that are still true at `nowMs`: what was heard longer ago than a gap is over, and the
 * server knows better. The same map where that is all of them.
 */
export function current(rows: IfRows, intervalSecs: number, nowMs: number): IfRows {
  const old = nowMs - GAP_POLLS * intervalSecs * 1000;
  const fresh = [...rows].filter(([, row]) => row.heardAt >= old);
  return fresh.length === rows.size ? rows : new Map(fresh);
}

/** Whether a device of this status has no live values: nothing answers. */
export function isSilent(status: string): boolean {
  return status === "down" || status === "unknown";
}
