// The path of a sparkline. Pure.

import type { Point } from "../rates";

/** A steady line lies below the top, where it reads as a level and not as an edge. */
const HEADROOM = 1.25;

/** The values at the bottom and at the top of a line. */
export interface Scale {
  min: number;
  max: number;
}

/** For amounts: from zero, so that a small one looks small. */
export function fromZero(points: readonly Point[]): Scale {
  return { min: 0, max: Math.max(...points.map((p) => p[1] ?? 0), 0) * HEADROOM };
}

/** For readings such as a temperature, of which zero is no foot: from the lowest to the highest. */
export function ofRange(points: readonly Point[]): Scale {
  const values = points.flatMap((p) => p[1] ?? []);
  if (values.length === 0) return { min: 0, max: 0 };
  const [low, high] = [Math.min(...values), Math.max(...values)];
  // A reading that trembles by a thousandth is steady.
  const rim = Math.max((high - low) * 0.15, Math.abs(high) * 0.02);
  return { min: low - rim, max: high + rim };
}

/** Path data of a line; a null lifts the pen. */
export function sparkPath(points: readonly Point[], from: number, to: number, width: number, height: number, { min, max }: Scale = fromZero(points)): string {
  const x = (at: number): string => (((at - from) / (to - from)) * width).toFixed(1);
  // A network that carries nothing is a line along the bottom, not along the middle.
  const y = (value: number): string => (height - 1.5 - (max === min ? 0 : ((value - min) / (max - min)) * (height - 3))).toFixed(1);
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
