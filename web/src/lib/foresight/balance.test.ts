import { expect, it } from "vitest";
import type { Balance, BalanceDirection } from "../api/shapes";
import { best, between, byLink, kind, points, sender, weights, worst } from "./balance";

const member = (link_id: string, weight: number | null) => ({ link_id, interface_name: `eth-${link_id}`, status: "up" as const, weight });
const direction = (from: string, to: string, gain: number | null, is_advised: boolean): BalanceDirection => ({
  from_device_id: from, to_device_id: to, is_advised, gain, members: [member("l1", is_advised ? 3 : null), member("l2", is_advised ? 13 : null)],
});
const group: Balance = {
  id: "l1", kind: "links", a: { device_id: "a", device_name: "core-1" }, b: { device_id: "b", device_name: "edge-1" }, is_advised: true, gain: 0.38, worst_now: 0.65, worst_then: 0.267,
  quantile: 0.9, horizon_secs: 604_800, made_at: "", directions: [direction("a", "b", null, false), direction("b", "a", 0.38, true)], evidence: [],
};

it("writes what is gained in points and the worst link in per cent", () => {
  expect([0.381, 0.0649, 0.01, null, Number.NaN].map(points)).toEqual(["38\u202fpoints", "6.5\u202fpoints", "1\u202fpoint", "–", "–"]);
  expect(worst(group)).toBe("65\u202f% → 26.7\u202f%");
  expect(worst({})).toBe("– → –");
});
it("begins with the direction that is advised, and names who sends", () => {
  const first = best(group);
  expect(first?.from_device_id).toBe("b");
  expect(first && sender(group, first)).toBe("edge-1");
  expect(best({ directions: [] })).toBeNull();
});
it("names weights by their ports, and says where there are none", () => {
  expect(group.directions.map(weights)).toEqual(["–", "eth-l1 3, eth-l2 13"]);
});
it("finds the advice of a link, not that of what is balanced", () => {
  const balanced = { ...group, is_advised: false, directions: [direction("a", "b", 0, false)].map((one) => ({ ...one, members: [member("l3", null)] })) };
  expect([...byLink([group, balanced]).keys()]).toEqual(["l1", "l2"]);
  expect(byLink([{ ...group, directions: [] }]).size).toBe(0);
});
it("names a group by its ends, and one that leads to several by what it is", () => {
  const alone = { ...group, b: null };
  expect([group, { ...alone, kind: "aggregate" as const, name: "Po1" }, { ...alone, kind: "routes" as const }].map((one) => [between(one), kind(one)])).toEqual([
    ["core-1 – edge-1", "parallel links"],
    ["core-1, Po1", "aggregate Po1"],
    ["core-1, default route", "equal-cost routes"],
  ]);
  expect(sender(alone, direction("a", "b", 0, true))).toBe("core-1");
});
it("marks no link where none is seen", () => {
  const unseen = direction("a", "b", 0.3, true);
  expect(byLink([{ ...group, directions: [{ ...unseen, members: unseen.members.map((one) => ({ ...one, link_id: null })) }] }]).size).toBe(0);
});
