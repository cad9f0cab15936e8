// The places of the map's nodes that are kept from visit to visit, in this browser. Reading and
// writing their text is pure.
//
// A space is one layout of its own: all devices ("flat"), the sites ("sites"), and the inside of each
// site, whose places count from the middle of the site.

import type { How, Place, Places } from "./layout";

export const FLAT = "flat";
export const SITES = "sites";

export function insideOf(site: string): string {
  return `in:${site}`;
}

/** Places that are kept in all: twice the devices that a server watches, some 1.5 MB of text. */
export const PLACES_MAX = 20_000;

/** Changes with what is kept, so that an older page's text is not misread. */
const VERSION = 1;

export type Spaces = ReadonlyMap<string, Places>;

const HOW: Record<How, string> = { linked: "l", loose: "o", moved: "m" };
const OF_LETTER = new Map(Object.entries(HOW).map(([how, letter]) => [letter, how as How]));

/** The text of `write` as spaces; what cannot be read is left out. */
export function read(text: string | null): Map<string, Map<string, Place>> {
  const spaces = new Map<string, Map<string, Place>>();
  if (text === null) return spaces;
  let kept: unknown;
  try {
    kept = JSON.parse(text);
  } catch {
    return spaces;
  }
  if (!isRecord(kept) || kept.version !== VERSION || !isRecord(kept.spaces)) return spaces;
  let room = PLACES_MAX;
  for (const [name, rows] of Object.entries(kept.spaces)) {
    if (!isRecord(rows)) continue;
    const places = new Map<string, Place>();
    for (const [id, row] of Object.entries(rows)) {
      if (!Array.isArray(row) || room <= 0) continue;
      const [x, y, letter] = row as unknown[];
      const how = OF_LETTER.get(String(letter));
      if (typeof x !== "number" || typeof y !== "number" || !Number.isFinite(x + y) || !how) continue;
      places.set(id, { x, y, how });
      room -= 1;
    }
    spaces.set(name, places);
  }
  return spaces;
}

export function write(spaces: Spaces): string {
  const kept: Record<string, Record<string, [number, number, string]>> = {};
  let room = PLACES_MAX;
  for (const [name, places] of spaces) {
    const rows: Record<string, [number, number, string]> = {};
    for (const [id, { x, y, how }] of places) {
      if (room <= 0) break;
      rows[id] = [x, y, HOW[how]];
      room -= 1;
    }
    kept[name] = rows;
  }
  return JSON.stringify({ version: VERSION, spaces: kept });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
