// The recent past of a device's parts, for the small lines beside their values: one request for a
// hundred series, again at most as often as the device is polled.

import { isAborted } from "../../lib/api/call";
import { series as routes } from "../../lib/api/routes";
import type { Series } from "../../lib/api/shapes";
import { withGaps, type Point } from "../../lib/rates";
import { stepSecs } from "../../lib/timerange";

/** Lines that are fetched; a chassis with more sensors shows the rest without. */
export const LINES_MAX = 300;
/** Points of a line that is as wide as a column. */
const POINTS = 60;

export class PartHistory {
  points = $state.raw<ReadonlyMap<string, Point[]>>(new Map());
  from = $state(0);
  to = $state(1);
  #abort: AbortController | null = null;

  async load(wanted: readonly Series[], from: number, to: number, intervalSecs: number): Promise<void> {
    this.#abort?.abort();
    const mine = (this.#abort = new AbortController());
    const step = stepSecs(to - from, intervalSecs, POINTS);
    const ids = wanted.slice(0, LINES_MAX).map((one) => one.id);
    if (ids.length === 0) return;
    try {
      const got = await routes.query(ids, { from: new Date(from).toISOString(), to: new Date(to).toISOString(), step_secs: step, aggregation: "avg" }, mine.signal);
      if (mine !== this.#abort) return;
      const gap = Math.max(3 * intervalSecs, 1.5 * step) * 1000;
      this.points = new Map(got.map((one) => [one.series.id, withGaps(one.points, gap)]));
      [this.from, this.to] = [from, to];
    } catch (error) {
      // The values stand without their lines; what is wrong is said where the values are fetched.
      if (!isAborted(error)) this.points = new Map();
    }
  }

  stop(): void {
    this.#abort?.abort();
    this.#abort = null;
  }
}
