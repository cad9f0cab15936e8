import { expect, test } from "vitest";
import type { Series } from "../../lib/api/shapes";
import { drawn, meanOf, plan, ratioOf, sumOf, withTail } from "./history";

const series = [
  { id: "e1", metric: "ifInErrors", labels: { interface_id: "i1" } },
  { id: "e2", metric: "ifInErrors", labels: { interface_id: "i2" } },
  { id: "p1", metric: "processor_utilization", labels: { processor: "1" } },
  { id: "ss", metric: "memory_size", labels: { memory: "Swap" } },
  { id: "su", metric: "memory_used", labels: { memory: "Swap" } },
  { id: "ms", metric: "memory_size", labels: { memory: "Physical memory" } },
  { id: "mu", metric: "memory_used", labels: { memory: "Physical memory" } },
  { id: "r", metric: "icmp_rtt", labels: {} },
] as unknown as Series[];

test("a device sums its interfaces, an interface stands alone beside the device's own series", () => {
  expect(plan(series, null).rates.errors).toEqual(["e1", "e2"]);
  const one = plan(series, "i2");
  expect(one.rates.errors).toEqual(["e2"]);
  expect(one.gauges.rtt).toEqual(["r"]);
  expect(one.memory).toEqual({ used: "mu", size: "ms", name: "Physical memory" });
});

test("a missing point is not zero", () => {
  expect(sumOf([[[0, 1], [5, null]], [[0, 2], [5, 3]]])).toEqual([[0, 3], [5, 3]]);
  expect(meanOf([[[0, 1]], [[0, 2], [5, 3]]])).toEqual([[0, 1.5], [5, 3]]);
  expect(ratioOf([[0, 1], [5, null], [9, 1]], [[0, 2], [5, 2]])).toEqual([[0, 0.5]]);
});

test("the tail of a live range replaces what it covers; the head moves out", () => {
  const lines = { in: [[0, 1], [5, 2], [10, 3]] as [number, number][] };
  expect(withTail(lines, { in: [[10, 4], [15, 5]] }, 10, 5)).toEqual({ in: [[5, 2], [10, 4], [15, 5]] });
});

test("lines are drawn with gaps", () => {
  expect(drawn({ in: [[0, 1], [60_000, null], [400_000, 2]] }, 60, 60).in).toEqual([[0, 1], [90_000, null], [400_000, 2]]);
});
