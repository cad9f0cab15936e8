// The small pure parts of the map: camera, picking, what is kept, the scene.
import { expect, test } from "vitest";
import { PLACES_MAX, read, write } from "./arrangement";
import { fitted, panned, parse, toPlane, toScreen, written, zoomed } from "./camera";
import type { Place } from "./layout";
import { lineAt, next, nodeAt } from "./pick";

const size = { width: 800, height: 600 };

test("a point goes to the screen and back", () => {
  const camera = { x: 40, y: -7, scale: 0.5 };
  expect(toPlane(toScreen({ x: 12, y: 34 }, camera, size), camera, size)).toEqual({ x: 12, y: 34 });
});

test("zooming keeps what is under the pointer, within bounds", () => {
  const at = { x: 100, y: 500 };
  const before = { x: 0, y: 0, scale: 1 };
  const after = zoomed(before, 2, at, size);
  expect(toPlane(at, after, size)).toEqual(toPlane(at, before, size));
  expect(zoomed(before, 1e6, at, size).scale).toBe(4);
  expect(zoomed(before, 1e-6, at, size).scale).toBe(0.02);
  expect(panned({ x: 0, y: 0, scale: 2 }, 10, -4)).toEqual({ x: -5, y: 2, scale: 2 });
});

test("all is in sight after fitting, and a small network is not blown up", () => {
  const points = [{ x: -3000, y: 0 }, { x: 5000, y: 900 }];
  const camera = fitted(points, size);
  for (const point of points) {
    const { x, y } = toScreen(point, camera, size);
    expect(x >= 0 && x <= 800 && y >= 0 && y <= 600).toBe(true);
  }
  expect(fitted([{ x: 3, y: 3 }], size)).toEqual({ x: 3, y: 3, scale: 1.25 });
  expect(fitted([], size).scale).toBe(1);
});

test("the view in the address is read as it was written; nonsense is none", () => {
  expect(parse(written({ x: 12.4, y: -3, scale: 0.5 }))).toEqual({ x: 12, y: -3, scale: 0.5 });
  for (const text of [null, "", "1,2", "a,b,c", "1,2,3,4", "1,2,Infinity"]) expect(parse(text)).toBeNull();
  expect(parse("0,0,99999")?.scale).toBe(4);
});

test("the nearest node within reach is picked, then the nearest line", () => {
  const nodes = [{ id: "a", x: 0, y: 0, radius: 10 }, { id: "b", x: 30, y: 0, radius: 10 }];
  expect(nodeAt(nodes, { x: 17, y: 0 }, 5)).toBe("b");
  expect(nodeAt(nodes, { x: 15, y: 40 }, 5)).toBeNull();
  const lines = [{ id: "l", from: { x: 0, y: 0 }, to: { x: 100, y: 0 } }, { id: "m", from: { x: 0, y: 7 }, to: { x: 100, y: 7 } }];
  expect(lineAt(lines, { x: 50, y: 5 }, 6)).toBe("m");
  expect(lineAt(lines, { x: 120, y: 0 }, 6)).toBeNull();
});

test("an arrow key goes to what is ahead", () => {
  const nodes = [{ id: "here", x: 0, y: 0, radius: 1 }, { id: "right", x: 50, y: 10, radius: 1 }, { id: "far", x: 200, y: 0, radius: 1 }, { id: "up", x: 5, y: -80, radius: 1 }];
  const from = { x: 0, y: 0 };
  expect(next(nodes, from, "here", "right")).toBe("right");
  expect(next(nodes, from, "here", "up")).toBe("up");
  expect(next(nodes, from, "here", "left")).toBeNull();
});

test("places are read as they were kept; what is broken is left out", () => {
  const places = new Map<string, Place>([["a", { x: 1, y: -2, how: "moved" }], ["b", { x: 3, y: 4, how: "linked" }], ["c", { x: 5, y: 6, how: "loose" }]]);
  expect(read(write(new Map([["flat", places]]))).get("flat")).toEqual(places);
  for (const text of [null, "", "nonsense", "[]", '{"version":9,"spaces":{"flat":{"a":[1,2,"m"]}}}']) expect(read(text).size).toBe(0);
  const half = read('{"version":1,"spaces":{"flat":{"a":[1,"2","m"],"b":[1,2,"q"],"c":[1,2,"m"],"d":null},"sites":7}}');
  expect([...(half.get("flat") ?? [])].map(([id]) => id)).toEqual(["c"]);
});

test("no more places are kept than there is room for", () => {
  const many = new Map(Array.from({ length: PLACES_MAX + 5 }, (_, i) => [`d${i}`, { x: i, y: 0, how: "linked" } as Place]));
  expect(read(write(new Map([["flat", many]]))).get("flat")?.size).toBe(PLACES_MAX);
});
