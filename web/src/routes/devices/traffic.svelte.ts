// The sparklines of the rows in sight: fetched when a row comes into view, again when its device
// was polled. The server sums and breaks the rates.

import { devices } from "../../lib/api/routes";
import type { Point } from "../../lib/rates";
import { withGaps } from "../../lib/rates";

export interface Traffic {
  points: Point[];
  from: number;
  to: number;
  /** bit/s between the last two polls. */
  inBps: number | null;
  outBps: number | null;
  sampleAt: number | null;
}

const LENGTH_MS = 3_600_000;
/** Requests under way at once: a screenful of rows must not hold the page's other requests up. */
const AT_ONCE = 4;
/** Devices kept; more than any screen shows. */
const KEPT_MAX = 400;

export class TrafficOfRows {
  of = $state.raw<ReadonlyMap<string, Traffic>>(new Map());
  #waiting = new Map<string, { interval: number; at: number | null }>();
  #busy = new Set<string>();
  #rendered: (at: number) => void;

  constructor(rendered: (at: number) => void) {
    this.#rendered = rendered;
  }

  /** Asks for a device's traffic; `at` is the sample that made us ask. */
  want(id: string, interval: number, at: number | null = null): void {
    if (at === null && (this.of.has(id) || this.#busy.has(id))) return;
    this.#waiting.set(id, { interval, at });
    this.#next();
  }

  /** Forgets who is waiting, as when other rows came into view. */
  keepOnly(ids: ReadonlySet<string>): void {
    for (const id of this.#waiting.keys()) if (!ids.has(id)) this.#waiting.delete(id);
  }

  /** Asks anew for these, whose lines stand meanwhile, and forgets all others. */
  renew(rows: readonly { id: string; interval_secs: number }[]): void {
    const ids = new Set(rows.map((row) => row.id));
    this.of = new Map([...this.of].filter(([id]) => ids.has(id)));
    for (const { id, interval_secs } of rows) this.#waiting.set(id, { interval: interval_secs, at: this.#waiting.get(id)?.at ?? null });
    this.#next();
  }

  #next(): void {
    for (const [id, { interval, at }] of this.#waiting) {
      if (this.#busy.size >= AT_ONCE) return;
      if (this.#busy.has(id)) continue;
      this.#waiting.delete(id);
      this.#busy.add(id);
      void this.#fetch(id, interval, at).finally(() => {
        this.#busy.delete(id);
        this.#next();
      });
    }
  }

  async #fetch(id: string, interval: number, at: number | null): Promise<void> {
    const to = Date.now();
    const from = to - LENGTH_MS;
    const step = Math.max(interval, 60);
    try {
      const got = await devices.bandwidth(id, { from: new Date(from).toISOString(), to: new Date(to).toISOString(), step_secs: step });
      const total = sum(got.in_bps, got.out_bps);
      const traffic: Traffic = {
        points: withGaps(total, 3 * step * 1000),
        from,
        to,
        inBps: got.now.in_bps ?? null,
        outBps: got.now.out_bps ?? null,
        sampleAt: at ?? this.of.get(id)?.sampleAt ?? null,
      };
      const of = new Map(this.of);
      of.delete(id);
      of.set(id, traffic);
      for (const old of of.keys()) {
        if (of.size <= KEPT_MAX) break;
        of.delete(old);
      }
      this.of = of;
      if (at !== null) this.#rendered(at);
    } catch {
      // The row goes without its line; its status says what is wrong.
    }
  }
}

/** In and out together, at the times where both are known. */
export function sum(a: readonly Point[], b: readonly Point[]): Point[] {
  const other = new Map(b.map((p) => [p[0], p[1]] as const));
  return a.map(([at, value]) => {
    const second = other.get(at);
    return [at, value === null || second === null || second === undefined ? null : value + second];
  });
}
