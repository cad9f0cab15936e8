// A first guess of where the nodes of a network stand, from the links between them alone. Pure and
// without chance; `layout.ts` goes on from it.

import type { Point } from "./camera";

/** Who is linked to whom. */
export type Near = ReadonlyMap<string, readonly string[]>;

/** Nodes from which the distances of all others are taken. */
const PIVOTS = 16;
/** Multiplications after which an axis has settled. */
const AXIS_STEPS = 40;

/** The parts of a network that hang together, largest first. */
export function partsOf(ids: readonly string[], near: Near): string[][] {
  const left = new Set(ids);
  const parts: string[][] = [];
  for (const id of ids) {
    if (!left.has(id)) continue;
    const part = [...hops(id, near).keys()].filter((one) => left.has(one));
    for (const one of part) left.delete(one);
    parts.push(part.sort());
  }
  return parts.sort((a, b) => b.length - a.length);
}

/** Links from one node to each that it reaches. */
function hops(from: string, near: Near): Map<string, number> {
  const far = new Map([[from, 0]]);
  // A map may be added to while it is walked, and gives what was added last.
  for (const [id, n] of far) {
    for (const other of near.get(id) ?? []) if (!far.has(other)) far.set(other, n + 1);
  }
  return far;
}

/**
 * A part of the network spread out so that distances on the plane are like the links between: rings
 * become rings, chains become lines. Nodes with the same neighbours lie on each other. `step` is how
 * long a link is, in the mean. Source: Brandes and Pich, Eigensolver Methods for Progressive
 * Multidimensional Scaling of Large Data (2007).
 */
export function unfolded(part: readonly string[], near: Near, step: number): Map<string, Point> {
  const pivots: number[][] = [];
  const nearest = part.map(() => Infinity);
  let pivot = part.reduce((best, id) => ((near.get(id)?.length ?? 0) > (near.get(best)?.length ?? 0) ? id : best), part[0] ?? "");
  while (pivots.length < Math.min(PIVOTS, part.length)) {
    const far = hops(pivot, near);
    const row = part.map((id) => far.get(id) ?? 0);
    pivots.push(row);
    row.forEach((n, i) => (nearest[i] = Math.min(nearest[i] ?? Infinity, n)));
    pivot = part[nearest.indexOf(nearest.reduce((max, n) => Math.max(max, n), 0))] ?? pivot;
  }
  const rows = doubleCentred(pivots, part.length);
  const [first, second] = axes(rows);
  const along = (axis: readonly number[], row: readonly number[]): number => row.reduce((sum, value, i) => sum + value * (axis[i] ?? 0), 0);
  const raw = rows.map((row) => ({ x: along(first, row), y: along(second, row) }));
  // As large as its links want to be long.
  const index = new Map(part.map((id, i) => [id, i]));
  let [n, sum] = [0, 0];
  part.forEach((id, i) => {
    for (const other of near.get(id) ?? []) {
      const [a, b] = [raw[i], raw[index.get(other) ?? -1]];
      if (!a || !b) continue;
      n += 1;
      sum += Math.sqrt((a.x - b.x) ** 2 + (a.y - b.y) ** 2);
    }
  });
  const scale = sum === 0 ? 0 : (step * n) / sum;
  return new Map(part.map((id, i) => [id, { x: (raw[i]?.x ?? 0) * scale, y: (raw[i]?.y ?? 0) * scale }]));
}

/** Squared distances with the means of their rows and columns taken off: a row a node. */
function doubleCentred(pivots: readonly (readonly number[])[], n: number): number[][] {
  const squared = Array.from({ length: n }, (_, i) => pivots.map((row) => (row[i] ?? 0) ** 2));
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);
  const columns = pivots.map((_, k) => mean(squared.map((row) => row[k] ?? 0)));
  const all = mean(columns);
  return squared.map((row) => {
    const own = mean(row);
    return row.map((value, k) => -0.5 * (value - own - (columns[k] ?? 0) + all));
  });
}

/** The two directions in which the rows differ most, by repeated multiplication. */
function axes(rows: readonly (readonly number[])[]): [number[], number[]] {
  const k = rows[0]?.length ?? 0;
  const times = (vector: readonly number[]): number[] => {
    const out = new Array<number>(k).fill(0);
    for (const row of rows) {
      const dot = row.reduce((sum, value, i) => sum + value * (vector[i] ?? 0), 0);
      for (let i = 0; i < k; i += 1) out[i] = (out[i] ?? 0) + dot * (row[i] ?? 0);
    }
    return out;
  };
  const without = (vector: readonly number[], axis: readonly number[]): number[] => {
    const dot = vector.reduce((sum, value, i) => sum + value * (axis[i] ?? 0), 0);
    return vector.map((value, i) => value - dot * (axis[i] ?? 0));
  };
  const unit = (vector: readonly number[]): number[] => {
    const long = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
    return long === 0 ? [...vector] : vector.map((value) => value / long);
  };
  const find = (start: number[], other: readonly number[] | null): number[] => {
    let vector = start;
    for (let i = 0; i < AXIS_STEPS; i += 1) vector = unit(other ? without(times(vector), other) : times(vector));
    return vector;
  };
  const first = find(Array.from({ length: k }, (_, i) => 1 / (i + 1)), null);
  const second = find(Array.from({ length: k }, (_, i) => (i % 2 === 0 ? 1 : -1) / (i + 2)), first);
  return [first, second];
}
