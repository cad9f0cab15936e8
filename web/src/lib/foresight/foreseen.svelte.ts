// What is expected of the series of one chart: their forecasts, what was expected of the past, and their
// anomalies. A chart shows what it measured while these are fetched, and without them where they cannot be.

import { isAborted, reason } from "../api/call";
import { foresight } from "../api/routes";
import type { Anomaly, Forecast } from "../api/shapes";
import type { Point } from "../rates";
import { accuracyWords, course, expected, horizonSecs, type Band } from "./ahead";

/** A series of a chart. */
export interface Of {
  id: string;
  label: string;
  colour: string;
  /** The chart's values in those of the server: 8 where octets are shown as bits. */
  scale: number;
}

export interface Seen {
  medians: { label: string; colour: string; points: Point[] }[];
  bands: Band[];
  anomalies: Anomaly[];
  /** For each series: how good its forecasts were, or why there is none. */
  words: { label: string; text: string }[];
  /** Which series these are. */
  series: { id: string; label: string }[];
}

/** Series of one chart that are looked at. */
const SERIES_MAX = 2;
/** Anomalies of one series that are marked. */
const MARKS_MAX = 100;
/** What is expected of the past is drawn by so many points. */
const POINTS = 200;

export class Foreseen {
  seen = $state.raw<Seen | null>(null);
  #abort: AbortController | null = null;

  async load(all: readonly Of[], from: number, now: number, end: number): Promise<void> {
    this.#abort?.abort();
    const abort = (this.#abort = new AbortController());
    const horizon = horizonSecs(end, now);
    const each = await Promise.all(all.slice(0, SERIES_MAX).map((of, nth) => this.#one(of, nth === 0, from, now, horizon, abort.signal)));
    if (abort !== this.#abort) return;
    this.seen = {
      medians: each.flatMap((e) => e.medians),
      bands: each.flatMap((e) => e.bands),
      anomalies: each.flatMap((e) => e.anomalies),
      words: each.flatMap((e) => e.words),
      series: each.flatMap((e) => e.series),
    };
  }

  stop(): void {
    this.#abort?.abort();
    this.#abort = null;
  }

  async #one(of: Of, withPast: boolean, from: number, now: number, horizon: number | null, signal: AbortSignal): Promise<Seen> {
    const seen: Seen = { medians: [], bands: [], anomalies: [], words: [], series: [{ id: of.id, label: of.label }] };
    const until = Math.min(now, Date.now());
    const past = async (): Promise<void> => {
      const step = Math.max(60, Math.ceil((until - from) / 1000 / POINTS));
      const band = expected(await foresight.bands(of.id, from, until, step, signal), of.scale, until);
      if (band) seen.bands.push({ ...band, label: `${of.label}, expected` });
    };
    const marks = async (): Promise<void> => {
      const page = await foresight.anomalies({ series_id: of.id, from: new Date(from).toISOString(), until: new Date(Math.max(until, from + 1)).toISOString(), limit: MARKS_MAX }, signal);
      seen.anomalies.push(...page.items);
    };
    const ahead = async (): Promise<void> => {
      if (horizon === null) return;
      const forecast = await foresight.forecast(of.id, horizon, signal);
      const drawn = course(forecast, of.scale, of.colour);
      if (drawn.median.length > 0) {
        seen.medians.push({ label: `${of.label}, forecast`, colour: of.colour, points: drawn.median });
        seen.bands.push(...drawn.bands.map((band) => ({ ...band, label: `${of.label}, ${band.label}` })));
      }
      seen.words.push({ label: of.label, text: told(forecast, horizon) });
    };
    const tried = await Promise.allSettled([ahead(), marks(), ...(withPast && until > from ? [past()] : [])]);
    const failed = tried.find((t): t is PromiseRejectedResult => t.status === "rejected" && !isAborted(t.reason));
    if (failed) seen.words.push({ label: of.label, text: reason(failed.reason) });
    return seen;
  }
}

function told(forecast: Forecast, horizonSecs: number): string {
  if (forecast.points.length === 0) return forecast.reason ?? "no forecast";
  const accuracy = accuracyWords(forecast.accuracy, horizonSecs * 1000);
  return forecast.state === "learning" && forecast.reason ? `${forecast.reason}; ${accuracy}` : accuracy;
}
