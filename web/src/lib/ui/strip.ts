// The past of a state as a strip: which way it was in each part of it, and the outages among that.
// Pure.

import type { PastStatus } from "../api/shapes";

/** A time in which something was one way, as the server tells it. */
export interface Interval {
  from: string;
  to: string;
  status: PastStatus;
  maintenance: boolean;
  ongoing: boolean;
}

export type Shade = PastStatus | "maintenance" | "none";

export interface Piece {
  shade: Shade;
  from: number;
  to: number;
}

/** How each shade is called, and how high it stands, of one: a state is never told by colour alone. */
export const SHADES: Record<Shade, { word: string; height: number }> = {
  down: { word: "Down", height: 1 },
  degraded: { word: "Degraded", height: 0.75 },
  up: { word: "Up", height: 0.5 },
  maintenance: { word: "Maintenance", height: 0.5 },
  shut: { word: "Shut", height: 0.25 },
  unknown: { word: "Not measured", height: 0.25 },
  none: { word: "Not told", height: 0 },
};

/** What shows where several share a part that is too narrow for all: what matters most. */
const WEIGHT: readonly Shade[] = ["down", "degraded", "maintenance", "unknown", "shut", "up", "none"];

export function shadeOf({ status, maintenance }: Pick<Interval, "status" | "maintenance">): Shade {
  return maintenance ? "maintenance" : status;
}

/**
 * The strip from `from` to `to` in at most `parts` pieces. An outage of a minute in a month is still
 * one part wide; where nothing is told the strip is empty.
 */
export function pieces(intervals: readonly Interval[], from: number, to: number, parts: number): Piece[] {
  const width = (to - from) / parts;
  if (!(width > 0)) return [];
  const worst: Shade[] = new Array<Shade>(parts).fill("none");
  for (const interval of intervals) {
    const [begins, ends] = [Math.max(from, Date.parse(interval.from)), Math.min(to, Date.parse(interval.to))];
    if (!(ends > begins)) continue;
    const shade = shadeOf(interval);
    const first = Math.floor((begins - from) / width);
    const last = Math.min(parts - 1, Math.ceil((ends - from) / width) - 1);
    for (let i = first; i <= last; i += 1) if (WEIGHT.indexOf(shade) < WEIGHT.indexOf(worst[i] ?? "none")) worst[i] = shade;
  }
  const out: Piece[] = [];
  worst.forEach((shade, i) => {
    const before = out.at(-1);
    if (before?.shade === shade) before.to = from + (i + 1) * width;
    else out.push({ shade, from: from + i * width, to: from + (i + 1) * width });
  });
  return out;
}

/** The interval that an instant lies in. */
export function at<T extends Interval>(intervals: readonly T[], ms: number): T | null {
  return intervals.find((one) => Date.parse(one.from) <= ms && ms < Date.parse(one.to)) ?? null;
}

export interface Outage<T extends Interval = Interval> {
  from: number;
  to: number;
  /** What of it was measured as down. */
  downMs: number;
  ongoing: boolean;
  /** The first of its intervals: it has the evidence. */
  first: T;
}

/**
 * The outages, the latest first, as the server counts them: one goes on until something better is
 * measured, over time that was not measured and over maintenance; its length is its time down.
 */
export function outages<T extends Interval>(intervals: readonly T[]): Outage<T>[] {
  const inOrder = [...intervals].sort((a, b) => Date.parse(a.from) - Date.parse(b.from));
  const out: Outage<T>[] = [];
  let open = false;
  for (const one of inOrder) {
    const shade = shadeOf(one);
    const [from, to] = [Date.parse(one.from), Date.parse(one.to)];
    const last = out.at(-1);
    if (shade === "down" && open && last) Object.assign(last, { to, downMs: last.downMs + to - from, ongoing: one.ongoing });
    else if (shade === "down") {
      out.push({ from, to, downMs: to - from, ongoing: one.ongoing, first: one });
      open = true;
    } else if (shade === "up" || shade === "degraded") open = false;
  }
  return out.reverse();
}
