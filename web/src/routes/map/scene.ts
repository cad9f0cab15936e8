// What of a map stands where on the screen: nodes with their size, lines side by side, in pixels.
// What is out of sight is left out. Pure; `draw.ts` paints it.

import { percent } from "../../lib/units";
import { toScreen, type Camera, type Point, type Size } from "./camera";
import { shownOf, type MapEdge, type MapGraph, type MapNode } from "./fold";
import { bandOf, loadOf, lookOf, widthOf, type BandLook } from "./load";
import type { DrawnLine, DrawnNode } from "./pick";

export interface SceneNode extends DrawnNode {
  node: MapNode;
}

export interface SceneLine extends DrawnLine {
  edge: MapEdge;
  look: BandLook;
  /** Pixels. */
  width: number;
  /** The load in words, or how many of its links are down; empty where there is nothing to say. */
  text: string;
  /** Some of its links are down. */
  broken: boolean;
  /** Traffic over some of its links is better split otherwise. */
  advised: boolean;
}

export interface Scene {
  nodes: SceneNode[];
  lines: SceneLine[];
}

/** What stands out of the scene. */
export interface Marked {
  /** A node or a line. */
  selected: string | null;
  hovered: string | null;
  /** Whether the keyboard is here: what is selected then shows it. */
  focused: boolean;
  /** Nodes that a search found; the rest steps back. Null where there is none. */
  found: ReadonlySet<string> | null;
}

/** Whether a node steps back. */
export function isDim(id: string, { found, selected, hovered }: Marked): boolean {
  return found !== null && !found.has(id) && id !== selected && id !== hovered;
}

const DEVICE_PX = 10;
const SITE_PX = 15;
/** Symbols shrink with the map, but never below what shows a state. */
const SHRINK_MIN = 0.22;
const SITE_SHRINK_MIN = 0.65;
/** Lines shrink less: their colour has to be seen. */
const THIN_MIN = 0.4;
/** Between lines that join the same two nodes. */
const BESIDE_PX = 7;
/** Out of sight by more than this, nothing of a node shows. */
const MARGIN_PX = 90;

export function radiusOf(node: MapNode, scale: number): number {
  const shrink = Math.min(1, Math.max(SHRINK_MIN, Math.sqrt(scale)));
  if (!node.site) return DEVICE_PX * shrink;
  return (SITE_PX + 4 * Math.log10(Math.max(1, node.site.devices.length))) * Math.max(SITE_SHRINK_MIN, shrink);
}

export function scene(graph: MapGraph, places: ReadonlyMap<string, Point>, camera: Camera, size: Size, advised: { has: (link: string) => boolean } = new Set()): Scene {
  const at = new Map<string, Point>();
  const nodes: SceneNode[] = [];
  for (const node of graph.nodes) {
    const place = places.get(node.id);
    if (!place) continue;
    const point = toScreen(place, camera, size);
    at.set(node.id, point);
    if (inSight(point, size)) nodes.push({ id: node.id, node, x: point.x, y: point.y, radius: radiusOf(node, camera.scale) });
  }
  const lines: SceneLine[] = [];
  const thin = Math.min(1, Math.max(THIN_MIN, Math.sqrt(camera.scale) * 1.4));
  for (const edge of graph.edges) {
    const line = lineOf(edge, at, size, thin, advised);
    if (line) lines.push(line);
  }
  return { nodes, lines };
}

function lineOf(edge: MapEdge, at: ReadonlyMap<string, Point>, size: Size, thin: number, advised: { has: (link: string) => boolean }): SceneLine | null {
  const [a, b] = [at.get(edge.a), at.get(edge.b)];
  const shown = shownOf(edge);
  if (!a || !b || !shown || !crosses(a, b, size)) return null;
  const aside = (edge.nth - (edge.of - 1) / 2) * BESIDE_PX;
  const long = Math.hypot(b.x - a.x, b.y - a.y) || 1;
  const [nx, ny] = [(-(b.y - a.y) / long) * aside, ((b.x - a.x) / long) * aside];
  const load = loadOf(shown);
  const many = edge.links.length > 1;
  return {
    id: edge.id,
    edge,
    from: { x: a.x + nx, y: a.y + ny },
    to: { x: b.x + nx, y: b.y + ny },
    look: lookOf(bandOf(shown)),
    width: thin * Math.max(...edge.links.map((one) => widthOf(one.link.speed_bps))),
    text: edge.down > 0 && many ? `${edge.down} of ${edge.links.length} down` : load === null ? "" : percent(Math.round(load * 100) / 100),
    broken: edge.down > 0,
    advised: edge.links.some((one) => advised.has(one.link.id)),
  };
}

function inSight({ x, y }: Point, { width, height }: Size): boolean {
  return x > -MARGIN_PX && y > -MARGIN_PX && x < width + MARGIN_PX && y < height + MARGIN_PX;
}

/** Whether a line may be in sight: not where both ends are beyond the same edge. */
function crosses(a: Point, b: Point, { width, height }: Size): boolean {
  return !((a.x < 0 && b.x < 0) || (a.y < 0 && b.y < 0) || (a.x > width && b.x > width) || (a.y > height && b.y > height));
}
