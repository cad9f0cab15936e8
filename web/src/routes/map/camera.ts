// From the map's plane to the screen and back. Pure.

export interface Point {
  x: number;
  y: number;
}

/** What of the plane is in sight: its middle, and pixels a map unit. */
export interface Camera extends Point {
  scale: number;
}

export interface Size {
  width: number;
  height: number;
}

export const SCALE_MIN = 0.02;
export const SCALE_MAX = 4;
/** A small network is not drawn larger than this to fill the map. */
const FIT_MAX = 1.25;
/** Pixels that stay free around what is fitted: symbols and names reach beyond their places. */
const FIT_RIM = 56;

export function toScreen({ x, y }: Point, camera: Camera, { width, height }: Size): Point {
  return { x: (x - camera.x) * camera.scale + width / 2, y: (y - camera.y) * camera.scale + height / 2 };
}

export function toPlane({ x, y }: Point, camera: Camera, { width, height }: Size): Point {
  return { x: (x - width / 2) / camera.scale + camera.x, y: (y - height / 2) / camera.scale + camera.y };
}

/** Larger or smaller, with the point under the pointer staying where it is. */
export function zoomed(camera: Camera, factor: number, at: Point, size: Size): Camera {
  const scale = clamp(camera.scale * factor, SCALE_MIN, SCALE_MAX);
  const under = toPlane(at, camera, size);
  return { x: under.x - (at.x - size.width / 2) / scale, y: under.y - (at.y - size.height / 2) / scale, scale };
}

/** Moved by so many pixels. */
export function panned(camera: Camera, dx: number, dy: number): Camera {
  return { ...camera, x: camera.x - dx / camera.scale, y: camera.y - dy / camera.scale };
}

/** All of these in sight. */
export function fitted(points: Iterable<Point>, size: Size): Camera {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { x, y } of points) {
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  if (left > right) return { x: 0, y: 0, scale: 1 };
  const room = (whole: number): number => Math.max(whole - 2 * FIT_RIM, whole / 3);
  const scale = Math.min(room(size.width) / Math.max(1, right - left), room(size.height) / Math.max(1, bottom - top), FIT_MAX);
  return { x: (left + right) / 2, y: (top + bottom) / 2, scale: clamp(scale, SCALE_MIN, SCALE_MAX) };
}

/** A point brought into the middle, close enough to read names. */
export function focused(camera: Camera, at: Point): Camera {
  return { x: at.x, y: at.y, scale: clamp(Math.max(camera.scale, 0.8), SCALE_MIN, SCALE_MAX) };
}

/** Reads `x,y,scale` of the address; null where it is none. */
export function parse(text: string | null): Camera | null {
  const parts = text?.split(",").map(Number) ?? [];
  const [x, y, scale] = parts;
  if (parts.length !== 3 || x === undefined || y === undefined || scale === undefined || !Number.isFinite(x + y + scale)) return null;
  return { x, y, scale: clamp(scale, SCALE_MIN, SCALE_MAX) };
}

export function written({ x, y, scale }: Camera): string {
  return `${Math.round(x)},${Math.round(y)},${Number(scale.toFixed(3))}`;
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}
