// What lies under the pointer, and which node is next in a direction. Pure.

import type { Point } from "./camera";

/** Pixels beyond a symbol's rim that still belong to it; a finger needs more than a mouse. */
export const NODE_REACH = { mouse: 5, touch: 14 } as const;
/** Pixels beside a line. */
export const LINE_REACH = { mouse: 6, touch: 14 } as const;

export interface DrawnNode extends Point {
  id: string;
  radius: number;
}

export interface DrawnLine {
  id: string;
  from: Point;
  to: Point;
}

/** The nearest node within reach. */
export function nodeAt(nodes: Iterable<DrawnNode>, at: Point, reach: number): string | null {
  let best: string | null = null;
  let nearest = Infinity;
  for (const node of nodes) {
    const distance = Math.hypot(node.x - at.x, node.y - at.y) - node.radius;
    if (distance <= reach && distance < nearest) {
      nearest = distance;
      best = node.id;
    }
  }
  return best;
}

/** The nearest line within reach. */
export function lineAt(lines: Iterable<DrawnLine>, at: Point, reach: number): string | null {
  let best: string | null = null;
  let nearest = reach;
  for (const line of lines) {
    const distance = distanceTo(line, at);
    if (distance <= nearest) {
      nearest = distance;
      best = line.id;
    }
  }
  return best;
}

function distanceTo({ from, to }: DrawnLine, at: Point): number {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const long = dx * dx + dy * dy;
  const along = long === 0 ? 0 : Math.min(1, Math.max(0, ((at.x - from.x) * dx + (at.y - from.y) * dy) / long));
  return Math.hypot(from.x + along * dx - at.x, from.y + along * dy - at.y);
}

export type Direction = "left" | "right" | "up" | "down";

const WAY: Record<Direction, Point> = { left: { x: -1, y: 0 }, right: { x: 1, y: 0 }, up: { x: 0, y: -1 }, down: { x: 0, y: 1 } };

/** The node that is next from `from` in a direction: near, and rather ahead than beside. */
export function next(nodes: Iterable<DrawnNode>, from: Point, except: string | null, direction: Direction): string | null {
  const way = WAY[direction];
  let best: string | null = null;
  let least = Infinity;
  for (const node of nodes) {
    if (node.id === except) continue;
    const ahead = (node.x - from.x) * way.x + (node.y - from.y) * way.y;
    const beside = Math.abs((node.x - from.x) * way.y + (node.y - from.y) * way.x);
    if (ahead <= 0 || beside > ahead * 2) continue;
    const cost = ahead + 2 * beside;
    if (cost < least) {
      least = cost;
      best = node.id;
    }
  }
  return best;
}
