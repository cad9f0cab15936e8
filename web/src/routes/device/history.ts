// What the charts of a device show: which series they are made of, and how the server's answers
// become lines. The requests are made here; the arithmetic is pure.

import { devices, interfaces, series as seriesRoutes, type Aggregation } from "../../lib/api/routes";
import type { Series } from "../../lib/api/shapes";
import type { Of } from "../../lib/foresight/foreseen.svelte";
import { spliceTail, withGaps, type Point } from "../../lib/rates";

/** Error counters summed for a whole device; beyond this many, an interface has to be chosen. */
const ERROR_SERIES_MAX = 200;
/** Processors averaged; a device with more has its first ones stand for all. */
const PROCESSORS_MAX = 64;

export const ERROR_METRICS = ["ifInErrors", "ifOutErrors", "ifInDiscards", "ifOutDiscards"] as const;

/** Every line by its name, without gaps made visible yet. */
export type Lines = Record<string, readonly Point[]>;

export interface Plan {
  /** Counters, asked as rates, summed into the line they are under. */
  rates: Record<string, string[]>;
  /** Gauges, asked as averages, averaged into the line they are under. */
  gauges: Record<string, string[]>;
  /** Memory: used and size of the largest kind. */
  memory: { used: string; size: string; name: string } | null;
  processors: number;
  tooManyErrors: boolean;
}

/** Which series the charts need of a device, or of one interface of it. */
export function plan(all: readonly Series[], interfaceId: string | null): Plan {
  const mine = all.filter((s) => interfaceId === null || s.labels.interface_id === undefined || s.labels.interface_id === interfaceId);
  const ids = (metric: string): string[] => mine.filter((s) => s.metric === metric).map((s) => s.id);
  const errors = {
    errors: [...ids("ifInErrors"), ...ids("ifOutErrors")],
    discards: [...ids("ifInDiscards"), ...ids("ifOutDiscards")],
  };
  const tooManyErrors = errors.errors.length + errors.discards.length > ERROR_SERIES_MAX;
  const processors = ids("processor_utilization");
  return {
    rates: tooManyErrors ? {} : errors,
    gauges: { rtt: ids("icmp_rtt"), jitter: ids("icmp_jitter"), loss: ids("icmp_loss"), processors: processors.slice(0, PROCESSORS_MAX) },
    memory: memoryOf(mine),
    processors: processors.length,
    tooManyErrors,
  };
}

/** The counters of one interface's traffic, 64-bit ones where there are: bits of what is counted in octets. */
export function trafficOf(all: readonly Series[], interfaceId: string | null): Of[] {
  if (interfaceId === null) return [];
  const mine = all.filter((s) => s.labels.interface_id === interfaceId);
  const of = (names: string[], label: string, colour: string): Of[] => {
    const found = names.map((name) => mine.find((s) => s.metric === name)).find((s) => s !== undefined);
    return found ? [{ id: found.id, label, colour, scale: 8 }] : [];
  };
  return [...of(["ifHCInOctets", "ifInOctets"], "In", "--accent"), ...of(["ifHCOutOctets", "ifOutOctets"], "Out", "--ink2")];
}

/** Physical memory where it is named, else the first kind that has both numbers. */
function memoryOf(series: readonly Series[]): Plan["memory"] {
  const sizes = series.filter((s) => s.metric === "memory_size");
  const kinds = sizes.flatMap((size) => {
    const used = series.find((s) => s.metric === "memory_used" && s.labels.memory === size.labels.memory);
    return used ? [{ used: used.id, size: size.id, name: size.labels.memory ?? "Memory" }] : [];
  });
  return kinds.find((k) => /phys|real|ram/i.test(k.name)) ?? kinds[0] ?? null;
}

/** Lines of one time added point by point; a point that one of them lacks is what the others have. */
export function sumOf(lines: readonly (readonly Point[])[]): Point[] {
  return folded(lines, (values) => values.reduce((a, b) => a + b, 0));
}

export function meanOf(lines: readonly (readonly Point[])[]): Point[] {
  return folded(lines, (values) => values.reduce((a, b) => a + b, 0) / values.length);
}

export function ratioOf(part: readonly Point[], whole: readonly Point[]): Point[] {
  const of = new Map(whole.map((p) => [p[0], p[1]] as const));
  return part.flatMap(([at, value]): Point[] => {
    const size = of.get(at);
    return value === null || !size ? [] : [[at, value / size]];
  });
}

function folded(lines: readonly (readonly Point[])[], fold: (values: number[]) => number): Point[] {
  const at = new Map<number, number[]>();
  for (const line of lines) {
    for (const [time, value] of line) {
      if (value === null) continue;
      const values = at.get(time);
      if (values) values.push(value);
      else at.set(time, [value]);
    }
  }
  return [...at].sort((a, b) => a[0] - b[0]).map(([time, values]) => [time, fold(values)]);
}

export interface Wanted {
  deviceId: string;
  interfaceId: string | null;
  plan: Plan;
  from: number;
  to: number;
  stepSecs: number;
}

/** Asks the server for every line of the charts between two instants. */
export async function fetchLines(wanted: Wanted, signal: AbortSignal): Promise<Lines> {
  const { plan: p } = wanted;
  const times = { from: new Date(wanted.from).toISOString(), to: new Date(wanted.to).toISOString(), step_secs: wanted.stepSecs };
  const bandwidth = wanted.interfaceId === null ? devices.bandwidth(wanted.deviceId, times, signal) : interfaces.bandwidth(wanted.interfaceId, times, signal);
  const ask = async (ids: string[], aggregation: Aggregation): Promise<Map<string, readonly Point[]>> => {
    const got = await seriesRoutes.query(ids, { ...times, aggregation }, signal);
    return new Map(got.map((s) => [s.series.id, s.points]));
  };
  const [traffic, rates, gauges] = await Promise.all([
    bandwidth,
    ask(Object.values(p.rates).flat(), "rate"),
    ask([...Object.values(p.gauges).flat(), ...(p.memory ? [p.memory.used, p.memory.size] : [])], "avg"),
  ]);
  const of = (from: Map<string, readonly Point[]>, ids: string[]): (readonly Point[])[] => ids.map((id) => from.get(id) ?? []);
  const lines: Record<string, readonly Point[]> = { in: traffic.in_bps, out: traffic.out_bps };
  for (const [name, ids] of Object.entries(p.rates)) if (ids.length > 0) lines[name] = sumOf(of(rates, ids));
  for (const [name, ids] of Object.entries(p.gauges)) if (ids.length > 0) lines[name] = meanOf(of(gauges, ids));
  if (p.memory) lines.memory = ratioOf(gauges.get(p.memory.used) ?? [], gauges.get(p.memory.size) ?? []);
  return lines;
}

/** The lines with what `tail` covers replaced, and what lies before the range dropped. */
export function withTail(lines: Lines, tail: Lines, tailFrom: number, from: number): Lines {
  return Object.fromEntries(
    Object.keys({ ...lines, ...tail }).map((name) => [
      name,
      spliceTail(lines[name] ?? [], tail[name] ?? [], tailFrom).filter((p) => p[0] >= from),
    ]),
  );
}

/** The lines as they are drawn: joined over narrow empty steps, open over missing data. */
export function drawn(lines: Lines, stepSecs: number, intervalSecs: number): Lines {
  const gap = Math.max(3 * intervalSecs, 1.5 * stepSecs) * 1000;
  return Object.fromEntries(Object.entries(lines).map(([name, points]) => [name, withGaps(points, gap)]));
}
