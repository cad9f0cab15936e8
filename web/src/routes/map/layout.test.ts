import { expect, test } from "vitest";
import { arrange, centred, isArranged, type LayoutInput, type Place } from "./layout";

const NONE: ReadonlyMap<string, Place> = new Map();
const ids = (n: number): string[] => Array.from({ length: n }, (_, i) => `d${String(i).padStart(4, "0")}`);
const nodes = (names: readonly string[]): LayoutInput["nodes"] => names.map((id) => ({ id, radius: 24 }));
/** A ring of the first eight, everything else hangs below. */
const links = (names: readonly string[]): [string, string][] =>
  names.map((id, i) => [id, names[i < 8 ? (i + 1) % Math.min(8, names.length) : i % 8] ?? id] as [string, string]);

test("the same network is placed the same, in whatever order it is told", () => {
  const names = ids(40);
  const once = arrange({ nodes: nodes(names), links: links(names), kept: NONE });
  const mixed = [...names].reverse();
  const again = arrange({ nodes: nodes(mixed), links: links(names).reverse().map(([a, b]) => [b, a]), kept: NONE });
  expect([...again].sort()).toEqual([...once].sort());
  expect(once.size).toBe(40);
});

test("a node that comes moves no other, and stands near its neighbour", () => {
  const names = ids(40);
  const before = arrange({ nodes: nodes(names), links: links(names), kept: NONE });
  const more = [...names, "new"];
  const input = { nodes: nodes(more), links: [...links(names), ["new", "d0003"] as [string, string]], kept: before };
  expect(isArranged(input)).toBe(false);
  const after = arrange(input);
  for (const id of names) expect(after.get(id)).toEqual(before.get(id));
  const [here, there] = [after.get("new"), after.get("d0003")];
  expect(Math.hypot((here?.x ?? 1e9) - (there?.x ?? 0), (here?.y ?? 1e9) - (there?.y ?? 0))).toBeLessThan(400);
  expect(isArranged({ ...input, kept: after })).toBe(true);
});

test("a node that leaves moves no other", () => {
  const names = ids(30);
  const before = arrange({ nodes: nodes(names), links: links(names), kept: NONE });
  const fewer = names.slice(0, -1);
  const after = arrange({ nodes: nodes(fewer), links: links(names), kept: before });
  for (const id of fewer) expect(after.get(id)).toEqual(before.get(id));
  expect(after.size).toBe(29);
});

test("what was moved by hand stays", () => {
  const names = ids(12);
  const kept = new Map<string, Place>([["d0004", { x: 4000, y: -900, how: "moved" }]]);
  expect(arrange({ nodes: nodes(names), links: links(names), kept }).get("d0004")).toEqual(kept.get("d0004"));
});

test("nodes without links stand in rows below, and leave them once they have one", () => {
  const names = ids(30);
  const linked = names.slice(0, 10);
  const places = arrange({ nodes: nodes(names), links: links(linked), kept: NONE });
  const low = Math.max(...linked.map((id) => places.get(id)?.y ?? 0));
  const loose = names.slice(10);
  for (const id of loose) expect(places.get(id)).toMatchObject({ how: "loose" });
  expect(Math.min(...loose.map((id) => places.get(id)?.y ?? 0))).toBeGreaterThan(low);
  const spots = new Set(loose.map((id) => `${places.get(id)?.x},${places.get(id)?.y}`));
  expect(spots.size).toBe(loose.length);

  // Another one takes a free room.
  const more = arrange({ nodes: nodes([...names, "z"]), links: links(linked), kept: places });
  expect(spots.has(`${more.get("z")?.x},${more.get("z")?.y}`)).toBe(false);

  const joined = arrange({ nodes: nodes(names), links: [...links(linked), ["d0020", "d0001"]], kept: places });
  expect(joined.get("d0020")?.how).toBe("linked");
  expect(joined.get("d0021")).toEqual(places.get("d0021"));
});

test("no two nodes lie on each other", () => {
  const names = ids(120);
  const places = [...arrange({ nodes: nodes(names), links: links(names), kept: NONE }).values()];
  let nearest = Infinity;
  for (const [i, a] of places.entries()) for (const b of places.slice(i + 1)) nearest = Math.min(nearest, Math.hypot(a.x - b.x, a.y - b.y));
  expect(nearest).toBeGreaterThan(24);
});

test("what cannot be placed by its links is placed all the same", () => {
  const places = arrange({ nodes: nodes(["a", "b"]), links: [["a", "a"], ["a", "gone"], ["b", "a"], ["a", "b"]], kept: NONE });
  expect([...places.keys()].sort()).toEqual(["a", "b"]);
  for (const place of places.values()) expect(Number.isFinite(place.x + place.y)).toBe(true);
  expect(arrange({ nodes: [], links: [], kept: NONE }).size).toBe(0);
});

test("places inside a site are around its middle", () => {
  const places = centred(new Map([["a", { x: 100, y: 0, how: "linked" }], ["b", { x: 200, y: 10, how: "linked" }]]));
  expect(places.get("a")).toEqual({ x: -50, y: -5, how: "linked" });
});

test("a ring is drawn as a ring: no two of its lines cross", () => {
  const names = ids(14);
  const ring = names.map((id, i) => [id, names[(i + 1) % 14] ?? id] as [string, string]);
  const places = arrange({ nodes: nodes(names), links: ring, kept: NONE });
  const at = (id: string): Place => places.get(id) ?? { x: 0, y: 0, how: "loose" };
  const side = (a: Place, b: Place, c: Place): number => Math.sign((b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x));
  for (const [i, [a, b]] of ring.entries()) {
    for (const [c, d] of ring.slice(i + 2)) {
      if (a === d) continue;
      const crossed = side(at(a), at(b), at(c)) !== side(at(a), at(b), at(d)) && side(at(c), at(d), at(a)) !== side(at(c), at(d), at(b));
      expect(crossed, `${a}-${b} and ${c}-${d}`).toBe(false);
    }
  }
});
