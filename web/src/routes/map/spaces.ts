// Which layouts a map needs, and where its nodes stand by them. A map that is not folded has one
// layout; a folded one has that of its sites, and one for the inside of each site that is open. Pure.

import type { Device } from "../../lib/api/shapes";
import { FLAT, insideOf, SITES } from "./arrangement";
import type { Point } from "./camera";
import { siteId, siteOf, type Folding } from "./fold";
import { DEVICE_RADIUS, siteRadius, type LayoutInput, type Places } from "./layout";
import type { Carrying } from "./load";

export interface Needed {
  space: string;
  input: Omit<LayoutInput, "kept">;
  /** Its places count from its own middle. */
  inside: boolean;
}

export function layoutsOf(devices: readonly Device[], links: readonly Carrying[], { on, open }: Folding): Needed[] {
  if (devices.length === 0) return [];
  const pairs = links.map(({ link }) => [link.a.device_id, link.b.device_id] as const);
  const asNode = (id: string): { id: string; radius: number } => ({ id, radius: DEVICE_RADIUS });
  if (!on) return [{ space: FLAT, input: { nodes: devices.map((device) => asNode(device.id)), links: pairs }, inside: false }];

  const siteOfId = new Map(devices.map((device) => [device.id, siteOf(device)]));
  const members = new Map<string, string[]>();
  for (const [id, site] of siteOfId) {
    const list = members.get(site);
    if (list) list.push(id);
    else members.set(site, [id]);
  }
  const between = pairs.flatMap(([a, b]): [string, string][] => {
    const [from, to] = [siteOfId.get(a), siteOfId.get(b)];
    return from === undefined || to === undefined || from === to ? [] : [[siteId(from), siteId(to)]];
  });
  const sites = [...members].map(([site, ids]) => ({ id: siteId(site), radius: siteRadius(ids.length) }));
  const needed: Needed[] = [{ space: SITES, input: { nodes: sites, links: between }, inside: false }];
  for (const site of open) {
    const ids = members.get(site);
    if (!ids) continue;
    const own = new Set(ids);
    needed.push({ space: insideOf(site), input: { nodes: ids.map(asNode), links: pairs.filter(([a, b]) => own.has(a) && own.has(b)) }, inside: true });
  }
  return needed;
}

/** Where every node stands that has a place. */
export function placesOf({ on, open }: Folding, of: (space: string) => Places): ReadonlyMap<string, Point> {
  if (!on) return of(FLAT);
  const sites = of(SITES);
  const all = new Map<string, Point>(sites);
  for (const site of open) {
    const middle = sites.get(siteId(site));
    if (!middle) continue;
    for (const [id, place] of of(insideOf(site))) all.set(id, { x: middle.x + place.x, y: middle.y + place.y });
  }
  return all;
}

/** The space in which a node has its place, and where it is in it; null where its site has none yet. */
export function placeIn({ on }: Folding, of: (space: string) => Places, device: Device | undefined, at: Point): { space: string; at: Point } | null {
  if (!on || !device) return { space: on ? SITES : FLAT, at };
  const middle = of(SITES).get(siteId(siteOf(device)));
  return middle ? { space: insideOf(siteOf(device)), at: { x: at.x - middle.x, y: at.y - middle.y } } : null;
}
