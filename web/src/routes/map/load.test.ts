import { expect, test } from "vitest";
import type { Link, LinkLoad } from "../../lib/api/shapes";
import { bandOf, BANDS, byWorst, loadOf, lookOf, widthOf, type Carrying } from "./load";

type Share = number | null;
function carrying(shares: [aIn: Share, aOut: Share, bIn: Share, bOut: Share] | null, status: Link["status"] = "up", id = "l"): Carrying {
  const end = (i: Share, o: Share): LinkLoad["a"] => ({ in_utilization: i, out_utilization: o });
  return {
    link: { id, status, a: { device_id: "a" }, b: { device_id: "b" }, confidence: 1, evidence: [], first_seen_at: "", last_seen_at: "" },
    load: shares && { link_id: id, a: end(shares[0], shares[1]), b: end(shares[2], shares[3]) },
  };
}

test.each([
  [[0.1, 0.2, 0.3, 0.25], 0.3],
  [[null, null, null, 0.5], 0.5],
  [[0, 0, null, null], 0],
  [[null, null, null, null], null],
  [null, null],
] as const)("the larger of both directions at both ends: %o", (shares, expected) => {
  expect(loadOf(carrying(shares as never))).toBe(expected);
});

test("a link that is down has no load, whatever its ports said last", () => {
  expect(loadOf(carrying([0.9, 0.9, 0.9, 0.9], "down"))).toBeNull();
  expect(bandOf(carrying([0.9, 0.9, 0.9, 0.9], "down"))).toBe("down");
});

test.each([
  [0, "low"],
  [0.399, "low"],
  [0.4, "middle"],
  [0.8, "high"],
  [0.9, "full"],
  [1.3, "full"],
  [null, "unknown"],
] as const)("a load of %s is %s", (load, band) => {
  expect(bandOf(carrying([load, null, null, null]))).toBe(band);
});

test("what is not known and what is down are told by more than a colour", () => {
  const looks = BANDS.map((band) => `${band.colour} ${band.dash.join()}`);
  expect(new Set(looks).size).toBe(BANDS.length);
  expect(lookOf("unknown").dash).not.toEqual([]);
  expect(lookOf("down").dash).not.toEqual(lookOf("unknown").dash);
});

test("the worst link comes first", () => {
  const all = [carrying([0.1, 0, 0, 0], "up", "idle"), carrying(null, "up", "unknown"), carrying([0.85, 0, 0, 0], "up", "busy"), carrying(null, "down", "cut"), carrying([0.82, 0, 0, 0], "up", "less busy")];
  expect([...all].sort(byWorst).map((one) => one.link.id)).toEqual(["cut", "busy", "less busy", "unknown", "idle"]);
});

test("a faster link is wider, within bounds", () => {
  const widths = [null, 1e7, 1e8, 1e9, 1e10, 1e11, 8e11].map(widthOf);
  expect([...widths].sort((a, b) => a - b)).toEqual(widths);
  expect(widths[0]).toBe(1.5);
  expect(widths.at(-1)).toBe(5.5);
});
