// From devices and links to what is drawn: every device, or sites that stand for theirs. Pure.

import type { Device, StateCounts } from "../../lib/api/shapes";
import { ofDevice, STATES, type State } from "../../lib/ui/state";
import { plural } from "../../lib/units";
import { byWorst, loadOf, type Carrying } from "./load";

/** Beyond this many devices a map of all of them says nothing; it begins folded. */
export const FOLD_FROM = 300;

/** The devices of one site, drawn as one. */
export interface Site {
  /** Empty for the devices that have none. */
  name: string;
  devices: readonly Device[];
  counts: StateCounts;
  /** The device that is worst off; null where all are well. */
  worst: Device | null;
  /** Links between two devices of the site. */
  links: readonly Carrying[];
  linksDown: number;
}

export interface MapNode {
  id: string;
  label: string;
  state: State;
  /** Lines that end here. */
  degree: number;
  device: Device | null;
  site: Site | null;
}

export interface MapEdge {
  id: string;
  a: string;
  b: string;
  /** One, or all between two nodes of which one is folded. The worst is first. */
  links: readonly Carrying[];
  down: number;
  /** Which of how many lines between the same two nodes this is, to be drawn side by side. */
  nth: number;
  of: number;
}

export interface MapGraph {
  nodes: readonly MapNode[];
  edges: readonly MapEdge[];
}

export interface Folding {
  on: boolean;
  /** Sites that are shown open, by name. */
  open: ReadonlySet<string>;
}

export const SITE_PREFIX = "site:";

export function siteId(name: string): string {
  return SITE_PREFIX + name;
}

export function siteLabel(name: string): string {
  return name === "" ? "No site" : name;
}

export function siteOf(device: Pick<Device, "site">): string {
  return device.site ?? "";
}

/** Whether folding is of use: there are at least two sites, the devices without one counted as one. */
export function canFold(devices: readonly Device[]): boolean {
  return new Set(devices.map(siteOf)).size > 1;
}

/** Whether a map of these devices begins folded. */
export function foldsAtFirst(devices: readonly Device[]): boolean {
  return devices.length > FOLD_FROM && canFold(devices);
}

/** What opens with a drawn thing: a folded site, or a device. A line opens nothing, though its id begins as a site's may. */
export function openedBy({ nodes }: MapGraph, id: string): { site: string } | { device: string } | null {
  const node = nodes.find((one) => one.id === id);
  if (!node) return null;
  return node.site ? { site: node.site.name } : { device: node.id };
}

/** What is drawn. Links to devices that are not known are left out. */
export function graph(devices: readonly Device[], links: readonly Carrying[], { on, open }: Folding): MapGraph {
  const nodeOf = new Map<string, string>();
  for (const device of devices) {
    const site = siteOf(device);
    nodeOf.set(device.id, on && !open.has(site) ? siteId(site) : device.id);
  }
  const inner = new Map<string, Carrying[]>();
  const pairs = new Map<string, { a: string; b: string; links: Carrying[] }>();
  for (const one of links) {
    const [a, b] = [nodeOf.get(one.link.a.device_id), nodeOf.get(one.link.b.device_id)];
    if (a === undefined || b === undefined) continue;
    if (a === b) {
      put(inner, a, one);
      continue;
    }
    // A line is drawn the same way whichever end has the lower id.
    const key = a < b ? `${a}~${b}` : `${b}~${a}`;
    const pair = pairs.get(key);
    if (pair) pair.links.push(one);
    else pairs.set(key, { a: a < b ? a : b, b: a < b ? b : a, links: [one] });
  }
  const edges = [...pairs].flatMap(([key, pair]) => edgesOf(key, pair));
  const degree = new Map<string, number>();
  for (const edge of edges) for (const end of [edge.a, edge.b]) degree.set(end, (degree.get(end) ?? 0) + 1);

  const nodes: MapNode[] = [];
  const folded = new Map<string, Device[]>();
  for (const device of devices) {
    const id = nodeOf.get(device.id) ?? device.id;
    if (id === device.id) nodes.push({ id, label: device.name, state: ofDevice(device), degree: degree.get(id) ?? 0, device, site: null });
    else put(folded, siteOf(device), device);
  }
  for (const [name, members] of folded) {
    const id = siteId(name);
    const site = summary(name, members, inner.get(id) ?? []);
    nodes.push({ id, label: siteLabel(name), state: stateOf(site), degree: degree.get(id) ?? 0, device: null, site });
  }
  return { nodes, edges };
}

function edgesOf(key: string, { a, b, links }: { a: string; b: string; links: Carrying[] }): MapEdge[] {
  const down = (all: readonly Carrying[]): number => all.filter((one) => one.link.status === "down").length;
  if (a.startsWith(SITE_PREFIX) || b.startsWith(SITE_PREFIX)) {
    return [{ id: key, a, b, links: [...links].sort(byWorst), down: down(links), nth: 0, of: 1 }];
  }
  const inOrder = [...links].sort((x, y) => (x.link.id < y.link.id ? -1 : 1));
  return inOrder.map((one, nth) => ({ id: one.link.id, a, b, links: [one], down: down([one]), nth, of: links.length }));
}

/** The worst state first, as one looks for it. */
const ORDER = ["down", "degraded", "unknown", "maintenance", "up"] as const;
type Name = (typeof ORDER)[number];

function nameOf(device: Device): Name {
  return device.maintenance ? "maintenance" : device.status;
}

/** Less than zero where `a` is worse off. */
export function byTrouble(a: Device, b: Device): number {
  return ORDER.indexOf(nameOf(a)) - ORDER.indexOf(nameOf(b)) || a.name.localeCompare(b.name, "en", { numeric: true });
}

export function summary(name: string, devices: readonly Device[], links: readonly Carrying[]): Site {
  const counts: StateCounts = { up: 0, degraded: 0, down: 0, unknown: 0, maintenance: 0 };
  for (const device of devices) counts[nameOf(device)] += 1;
  const first = devices.reduce<Device | null>((worst, device) => (worst && byTrouble(worst, device) <= 0 ? worst : device), null);
  return {
    name,
    devices,
    counts,
    worst: first && ["down", "degraded", "unknown"].includes(nameOf(first)) ? first : null,
    links,
    linksDown: links.filter((one) => one.link.status === "down").length,
  };
}

function stateOf({ counts, devices }: Site): State {
  const worst = ORDER.find((name) => counts[name] > 0) ?? "unknown";
  const state = STATES[worst];
  return counts[worst] === devices.length ? state : { ...state, word: `${counts[worst]} of ${plural(devices.length, "device")} ${STATES[worst].word.toLowerCase()}` };
}

/** The link that an edge is coloured by: of those that are up, the busiest; else one that is down. */
export function shownOf(edge: MapEdge): Carrying | undefined {
  const up = edge.links.filter((one) => one.link.status !== "down");
  const known = up.filter((one) => loadOf(one) !== null);
  return [...(known.length > 0 ? known : up.length > 0 ? up : edge.links)].sort(byWorst)[0];
}

function put<T>(lists: Map<string, T[]>, key: string, one: T): void {
  const list = lists.get(key);
  if (list) list.push(one);
  else lists.set(key, [one]);
}
