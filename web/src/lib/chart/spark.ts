// The path of a sparkline. Pure.

import type { Point } from "../rates";

/** Path data of a line from 0 to the highest value; a null lifts the pen. */
export function sparkPath(points: readonly Point[], from: number, to: number, width: number, height: number): string {
  const top = Math.max(...points.map((p) => p[1] ?? 0), 0);
  const x = (at: number): string => (((at - from) / (to - from)) * width).toFixed(1);
  // A network that carries nothing is a line along the bottom, not along the middle.
  const y = (value: number): string => (height - 1.5 - (top === 0 ? 0 : (value / top) * (height - 3))).toFixed(1);
  let path = "";
  let down = false;
  for (const [at, value] of points) {
    if (value === null) {
      down = false;
      continue;
    }
    if (at < from || at > to) continue;
    path += `${down ? "L" : "M"}${x(at)} ${y(value)}`;
    // A lone point between gaps would not be drawn at all.
    if (!down) path += `l.01 0`;
    down = true;
  }
  return path;
}
