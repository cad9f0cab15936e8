import { expect, test } from "vitest";
import type { Device } from "../../lib/api/shapes";
import { insideOf } from "./arrangement";
import type { Place, Places } from "./layout";
import type { Carrying } from "./load";
import { layoutsOf, placeIn, placesOf } from "./spaces";

const device = (id: string, site: string | null): Device => ({ id, name: id, site, status: "up", maintenance: false, address: "", port: 161, vantage: "local", tags: [], status_evidence: [], interval_secs: 60, created_at: "", revision: 1 });
const link = (a: string, b: string): Carrying => ({ link: { id: a + b, status: "up", a: { device_id: a }, b: { device_id: b }, confidence: 1, evidence: [], first_seen_at: "", last_seen_at: "" }, load: null });
const devices = [device("a1", "A"), device("a2", "A"), device("b1", "B"), device("x", null)];
const links = [link("a1", "a2"), link("a2", "b1"), link("b1", "gone")];
const at = (x: number, y: number): Place => ({ x, y, how: "linked" });

test("not folded, there is one layout of all", () => {
  const [flat, ...more] = layoutsOf(devices, links, { on: false, open: new Set() });
  expect(flat?.input.nodes.map((n) => n.id)).toEqual(["a1", "a2", "b1", "x"]);
  expect(more).toEqual([]);
  expect(layoutsOf([], [], { on: true, open: new Set() })).toEqual([]);
});

test("folded, sites have theirs, with room for their devices, and each open site its own", () => {
  const [sites, inside, ...more] = layoutsOf(devices, links, { on: true, open: new Set(["A", "nowhere"]) });
  expect(sites?.input.nodes.map((n) => n.id)).toEqual(["site:A", "site:B", "site:"]);
  expect(sites?.input.nodes[0]?.radius).toBeGreaterThan(sites?.input.nodes[1]?.radius ?? 0);
  expect(sites?.input.links).toEqual([["site:A", "site:B"]]);
  expect(inside).toMatchObject({ space: insideOf("A"), inside: true, input: { links: [["a1", "a2"]] } });
  expect(more).toEqual([]);
});

test("what is inside a site stands around its middle, and is moved within it", () => {
  const spaces = new Map<string, Places>([["sites", new Map([["site:A", at(1000, 500)], ["site:B", at(0, 0)]])], [insideOf("A"), new Map([["a1", at(-10, 5)]])]]);
  const of = (space: string): Places => spaces.get(space) ?? new Map();
  const folding = { on: true, open: new Set(["A", "C"]) };
  expect(placesOf(folding, of).get("a1")).toEqual({ x: 990, y: 505 });
  expect(placeIn(folding, of, devices[0], { x: 1007, y: 503 })).toEqual({ space: insideOf("A"), at: { x: 7, y: 3 } });
  expect(placeIn(folding, of, undefined, { x: 3, y: 4 })).toEqual({ space: "sites", at: { x: 3, y: 4 } });
  expect(placeIn(folding, of, devices[3], { x: 3, y: 4 })).toBeNull();
  expect(placeIn({ on: false, open: new Set() }, of, devices[0], { x: 3, y: 4 })?.space).toBe("flat");
});
