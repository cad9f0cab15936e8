// The path of a sparkline. Pure.

import type { Point } from "../rates";

/** A steady line lies below the top, where it reads as a level and not as an edge. */
const HEADROOM = 1.25;

/** Path data of a line from 0 to the highest value; a null lifts the pen. */
export function sparkPath(points: readonly Point[], from: number, to: number, width: number, height: number): string {
  const top = Math.max(...points.map((p) => p[1] ?? 0), 0) * HEADROOM;
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

/** The area under a path of `sparkPath`: each stretch between gaps closed along the bottom. */
export function fillPath(path: string, height: number): string {
  return path
    .split("M")
    .filter(Boolean)
    .map((stretch) => {
      const points = stretch.replace("l.01 0", "").split("L");
      const x = (point: string | undefined): string => point?.split(" ")[0] ?? "0";
      return `M${x(points[0])} ${height}L${points.join("L")}L${x(points.at(-1))} ${height}Z`;
    })
    .join("");
}
