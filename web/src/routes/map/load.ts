// What a link carries, as the map shows it: in which band its load lies, and how wide its line is.
// Pure.

import type { Link, LinkLoad } from "../../lib/api/shapes";

/** A link with what it carries now; null where that was not told yet. */
export interface Carrying {
  link: Link;
  load: LinkLoad | null;
}

export type Band = "low" | "middle" | "high" | "full" | "unknown" | "down";

export interface BandLook {
  name: Band;
  label: string;
  /** A custom property of the palette. */
  colour: string;
  /** Dashes and gaps in pixels; none where the line is whole. */
  dash: readonly number[];
}

/** The bands, least first. They change where the meters of the other views change. */
export const BANDS: readonly BandLook[] = [
  { name: "low", label: "under 40 %", colour: "--ok", dash: [] },
  { name: "middle", label: "40 to 80 %", colour: "--accent", dash: [] },
  { name: "high", label: "80 to 90 %", colour: "--warn", dash: [] },
  { name: "full", label: "90 % and more", colour: "--bad", dash: [] },
  { name: "unknown", label: "not known", colour: "--unk", dash: [2, 4] },
  { name: "down", label: "link is down", colour: "--bad", dash: [9, 6] },
];

const FROM = { middle: 0.4, high: 0.8, full: 0.9 } as const;

/**
 * The load of a link, 0 to 1: the larger of both directions at both ends. Null where no end tells,
 * and where the link is down: what it carried last is no load.
 */
export function loadOf({ link, load }: Carrying): number | null {
  if (link.status === "down" || !load) return null;
  const shares = [load.a.in_utilization, load.a.out_utilization, load.b.in_utilization, load.b.out_utilization].filter((u) => typeof u === "number" && Number.isFinite(u));
  return shares.length === 0 ? null : Math.max(...(shares as number[]));
}

export function bandOf(carrying: Carrying): Band {
  if (carrying.link.status === "down") return "down";
  const load = loadOf(carrying);
  if (load === null) return "unknown";
  if (load >= FROM.full) return "full";
  if (load >= FROM.high) return "high";
  return load >= FROM.middle ? "middle" : "low";
}

export function lookOf(band: Band): BandLook {
  const look = BANDS.find((b) => b.name === band);
  if (!look) throw new Error(`there is no band ${band}`);
  return look;
}

/** Down before full before nothing known before little: which of several links is to be shown. */
const SEVERITY: Record<Band, number> = { down: 5, full: 4, high: 3, middle: 2, unknown: 1, low: 0 };

/** Less than zero where `a` is the worse one. */
export function byWorst(a: Carrying, b: Carrying): number {
  return SEVERITY[bandOf(b)] - SEVERITY[bandOf(a)] || (loadOf(b) ?? 0) - (loadOf(a) ?? 0) || (a.link.id < b.link.id ? -1 : 1);
}

/** Width of the line in pixels by nominal speed: one step a decade, from 100 Mbit/s to 100 Gbit/s. */
export function widthOf(speedBps: number | null | undefined): number {
  if (!speedBps || speedBps <= 0) return 1.5;
  return Math.min(5.5, Math.max(1.5, 1.5 + (Math.log10(speedBps) - 8) * 1.1));
}
