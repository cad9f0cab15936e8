import { expect, test } from "vitest";
import type { MapEdge, MapGraph, MapNode } from "./fold";
import { scene, type Marked } from "./scene";
import { placed } from "./words";

const size = { width: 400, height: 300 };
const camera = { x: 0, y: 0, scale: 1 };
const node = (id: string): MapNode => ({ id, label: id, degree: 1, device: null, site: null, state: { word: "Up", look: "ok", icon: "check" } });
function edge(a: string, b: string, nth = 0, of = 1, load: number | null = 0.424): MapEdge {
  const id = `${a}${b}${nth}`;
  const link = { id, status: "up" as const, a: { device_id: a }, b: { device_id: b }, confidence: 1, evidence: [], first_seen_at: "", last_seen_at: "" };
  return { id, a, b, nth, of, down: 0, links: [{ link, load: { link_id: id, a: { in_utilization: load }, b: {} } }] };
}
const graph = (edges: MapEdge[]): MapGraph => ({ nodes: ["a", "b", "away", "unplaced"].map(node), edges });
const places = new Map([["a", { x: -50, y: 0 }], ["b", { x: 50, y: 0 }], ["away", { x: 9000, y: 0 }]]);

test("what is out of sight or has no place is left out; a line into sight is not", () => {
  const drawn = scene(graph([edge("a", "b"), edge("a", "away"), edge("a", "unplaced")]), places, camera, size);
  expect(drawn.nodes.map((n) => [n.id, n.x, n.y])).toEqual([["a", 150, 150], ["b", 250, 150]]);
  expect(drawn.lines.map((l) => l.id)).toEqual(["ab0", "aaway0"]);
});

test("a line says its load, and two lines stand beside each other", () => {
  const { lines } = scene(graph([edge("a", "b", 0, 2), edge("a", "b", 1, 2, null)]), places, camera, size);
  expect(lines.map((l) => l.text)).toEqual(["42\u202f%", ""]);
  expect(lines.map((l) => l.from.y)).toEqual([146.5, 153.5]);
});

test("a line is marked where one of its links is better used otherwise", () => {
  const { lines } = scene(graph([edge("a", "b", 0, 2), edge("a", "b", 1, 2)]), places, camera, size, new Set(["ab1"]));
  expect(lines.map((line) => line.advised)).toEqual([false, true]);
});

test("a name that would lie on another is left out, unless it is chosen", () => {
  const close = new Map([["a", { x: 0, y: 0 }], ["b", { x: 6, y: 0 }]]);
  const drawn = scene(graph([]), close, camera, size);
  const nothing = { selected: null, hovered: null, focused: false, found: null };
  const words = (marked: Marked): string[] => placed(drawn, marked, (text) => text.length * 7).map((word) => word.text);
  expect(words(nothing)).toEqual(["a"]);
  expect(words({ ...nothing, selected: "b" })).toEqual(["b"]);
  expect(words({ ...nothing, selected: "b", hovered: "a" }).sort()).toEqual(["a", "b"]);
});

test("what a search did not find steps back", () => {
  const drawn = scene(graph([]), places, camera, size);
  const marked = { selected: null, hovered: null, focused: false, found: new Set(["b"]) };
  expect(placed(drawn, marked, () => 10).map((word) => [word.text, word.dim])).toEqual([["b", false], ["a", true]]);
});
