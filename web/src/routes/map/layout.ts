// Where the nodes of a map stand. Pure and without chance: the same network is placed the same each
// time, and what has a place keeps it when other nodes come.

import { forceCollide, forceLink, forceManyBody, forceSimulation, forceX, forceY, type SimulationNodeDatum } from "d3-force";
import type { Point } from "./camera";
import { partsOf, unfolded, type Near } from "./unfold";

/** A place that was computed for a node with links, for one without, or chosen by hand. */
export type How = "linked" | "loose" | "moved";

export interface Place extends Point {
  how: How;
}

export type Places = ReadonlyMap<string, Place>;

export interface LayoutNode {
  id: string;
  /** Room that it needs around it, in map units. */
  radius: number;
}

export interface LayoutInput {
  nodes: readonly LayoutNode[];
  links: readonly (readonly [a: string, b: string])[];
  kept: Places;
}

/** Room of a device: its symbol and its name. */
export const DEVICE_RADIUS = 24;
/** Between the rims of two nodes that are linked. */
const LINK_GAP = 62;
/** A node that has no place of its own begins this far from another. */
const BESIDE = 26;
/** Rows of nodes without links stand this far below the others. */
const LOOSE_GAP = 90;
/** Columns are wider than rows: a name is wider than high. */
const LOOSE_COLUMN = 1.9;
/** Steps of the simulation, fewer where there are many nodes: work for a second or two in all. */
const STEPS_MIN = 60;
const STEPS_MAX = 300;
const STEPS_OF_NODES = 120_000;

/** Room of an open site: its devices without overlap, with a rim. */
export function siteRadius(devices: number): number {
  return Math.round(34 * Math.sqrt(devices) + 34);
}

/** Whether every node has a place already that it may keep. */
export function isArranged({ nodes, links, kept }: LayoutInput): boolean {
  const linked = new Set(links.flat());
  return nodes.every((node) => keeps(kept.get(node.id), linked.has(node.id)));
}

/** A node that stood among those without links moves to its neighbours once it has one. */
function keeps(place: Place | undefined, linked: boolean): place is Place {
  return place !== undefined && !(place.how === "loose" && linked);
}

/** The same places around the middle of the plane. */
export function centred(places: Places): Map<string, Place> {
  let [x, y] = [0, 0];
  for (const place of places.values()) [x, y] = [x + place.x, y + place.y];
  const [dx, dy] = [Math.round(x / Math.max(1, places.size)), Math.round(y / Math.max(1, places.size))];
  return new Map([...places].map(([id, place]) => [id, { ...place, x: place.x - dx, y: place.y - dy }]));
}

interface Body extends SimulationNodeDatum {
  id: string;
  radius: number;
}

/** A place for every node: the kept ones as they are, the others beside them. */
export function arrange({ nodes, links, kept }: LayoutInput): Map<string, Place> {
  const known = new Set(nodes.map((node) => node.id));
  const pairs = unique(links.filter(([a, b]) => a !== b && known.has(a) && known.has(b)));
  const near = neighbours(pairs);
  const inOrder = [...nodes].sort((a, b) => (a.id < b.id ? -1 : 1));
  const places = new Map<string, Place>();
  for (const node of inOrder) {
    const place = kept.get(node.id);
    if (keeps(place, near.has(node.id))) places.set(node.id, place);
  }
  const linked = inOrder.filter((node) => near.has(node.id));
  if (linked.some((node) => !places.has(node.id))) {
    for (const [id, at] of simulate(linked, pairs, places, seeds(linked, near, places))) places.set(id, { ...at, how: "linked" });
  }
  placeLoose(inOrder.filter((node) => !places.has(node.id)), places);
  return places;
}

function simulate(nodes: readonly LayoutNode[], pairs: readonly (readonly [string, string])[], fixed: Places, seed: ReadonlyMap<string, Point>): [string, Point][] {
  const bodies: Body[] = nodes.map(({ id, radius }) => {
    const at = fixed.get(id);
    return at ? { id, radius, x: at.x, y: at.y, fx: at.x, fy: at.y } : { id, radius, ...seed.get(id) };
  });
  const byId = new Map(bodies.map((body) => [body.id, body]));
  const lines = pairs.flatMap(([a, b]) => {
    const [source, target] = [byId.get(a), byId.get(b)];
    return source && target ? [{ source, target }] : [];
  });
  const simulation = forceSimulation(bodies)
    .force("link", forceLink<Body, { source: Body; target: Body }>(lines).distance((l) => l.source.radius + l.target.radius + LINK_GAP))
    .force("apart", forceManyBody<Body>().strength((body) => -14 * body.radius).distanceMax(1500))
    .force("room", forceCollide<Body>((body) => body.radius * 1.15))
    .force("x", forceX<Body>(0).strength(0.035))
    .force("y", forceY<Body>(0).strength(0.05))
    .stop();
  const steps = Math.round(Math.min(STEPS_MAX, Math.max(STEPS_MIN, STEPS_OF_NODES / Math.max(1, nodes.length))));
  simulation.alphaDecay(1 - 0.001 ** (1 / steps)).tick(steps);
  return bodies.filter((body) => !fixed.has(body.id)).map((body) => [body.id, { x: Math.round(body.x ?? 0), y: Math.round(body.y ?? 0) }]);
}

/** Where the simulation begins: beside a neighbour that has a place, else by `unfolded`. */
function seeds(nodes: readonly LayoutNode[], near: Near, fixed: Places): Map<string, Point> {
  const at = new Map<string, Point>();
  const seen = new Set<string>(fixed.keys());
  // From what has a place outwards.
  let rim = nodes.filter((node) => fixed.has(node.id)).map((node) => node.id);
  while (rim.length > 0) {
    const next: string[] = [];
    for (const id of rim) {
      const from = fixed.get(id) ?? at.get(id);
      for (const other of near.get(id) ?? []) {
        if (seen.has(other) || !from) continue;
        seen.add(other);
        at.set(other, beside(other, from));
        next.push(other);
      }
    }
    rim = next;
  }
  // What hangs together, largest first, side by side.
  const parts = partsOf(nodes.filter((node) => !seen.has(node.id)).map((node) => node.id), near);
  const step = nodes.reduce((sum, node) => sum + 2 * node.radius, 0) / Math.max(1, nodes.length) + LINK_GAP;
  let left = 0;
  for (const part of parts) {
    const places = unfolded(part, near, step);
    const [low, high] = [...places.values()].reduce(([lo, hi], { x }) => [Math.min(lo, x), Math.max(hi, x)], [Infinity, -Infinity]);
    // Those with the same neighbours lie on each other; the id sets them apart.
    for (const [id, { x, y }] of places) at.set(id, beside(id, { x: left + x - (part === parts[0] ? 0 : low), y }));
    left += (part === parts[0] ? high : high - low) + 2 * step;
  }
  return at;
}

/** A place near another one, in a direction that belongs to the id. */
function beside(id: string, { x, y }: Point): Point {
  const angle = share(id) * 2 * Math.PI;
  return { x: Math.round(x + BESIDE * Math.cos(angle)), y: Math.round(y + BESIDE * Math.sin(angle)) };
}

/** Nodes without links: in rows below the others, each in the first room that is free. */
function placeLoose(nodes: readonly LayoutNode[], places: Map<string, Place>): void {
  if (nodes.length === 0) return;
  const cell = 2 * Math.max(...nodes.map((node) => node.radius));
  const others = [...places.values()];
  const standing = others.filter((place) => place.how !== "loose");
  const low = standing.reduce((max, place) => Math.max(max, place.y), standing.length === 0 ? -LOOSE_GAP : -Infinity);
  const [min, max] = standing.reduce(([lo, hi], place) => [Math.min(lo, place.x), Math.max(hi, place.x)], [Infinity, -Infinity]);
  const centre = standing.length === 0 ? 0 : (min + max) / 2;
  const wide = standing.length === 0 ? 0 : max - min;
  const columns = Math.max(3, Math.round(wide / (cell * LOOSE_COLUMN)), Math.ceil(Math.sqrt(nodes.length / 2)));
  const taken = new Set(others.map((place) => slot(place.x, place.y, cell)));
  const top = Math.round(low + LOOSE_GAP + cell / 2);
  let n = 0;
  for (const node of nodes) {
    for (;;) {
      const x = Math.round(centre + ((n % columns) - (columns - 1) / 2) * cell * LOOSE_COLUMN);
      const y = top + Math.floor(n / columns) * cell;
      n += 1;
      if (taken.has(slot(x, y, cell))) continue;
      places.set(node.id, { x, y, how: "loose" });
      break;
    }
  }
}

function slot(x: number, y: number, cell: number): string {
  return `${Math.round(x / cell)},${Math.round(y / cell)}`;
}

function unique(pairs: readonly (readonly [string, string])[]): [string, string][] {
  const seen = new Map<string, [string, string]>();
  for (const [a, b] of pairs) seen.set(a < b ? `${a} ${b}` : `${b} ${a}`, a < b ? [a, b] : [b, a]);
  return [...seen].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, pair]) => pair);
}

function neighbours(pairs: readonly (readonly [string, string])[]): Map<string, string[]> {
  const near = new Map<string, string[]>();
  const put = (from: string, to: string): void => {
    const list = near.get(from);
    if (list) list.push(to);
    else near.set(from, [to]);
  };
  for (const [a, b] of pairs) {
    put(a, b);
    put(b, a);
  }
  return near;
}

/** A number of 0 to 1 that belongs to a text: FNV-1a. */
function share(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash / 2 ** 32;
}
