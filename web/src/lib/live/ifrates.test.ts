import { expect, test } from "vitest";
import type { Series } from "../api/shapes";
import { InterfaceRates } from "./ifrates";

const series = [
  { id: "in", metric: "ifHCInOctets", labels: { interface_id: "i1" } },
  { id: "out", metric: "ifHCOutOctets", labels: { interface_id: "i1" } },
  { id: "oper", metric: "ifOperStatus", labels: { interface_id: "i1" } },
  { id: "up", metric: "sysUpTime", labels: {} },
  { id: "rtt", metric: "icmp_rtt", labels: {} },
] as unknown as Series[];

function sample(at: number, values: Record<string, number>): [number, { series_id: string; value: number }[]] {
  return [at, Object.entries(values).map(([series_id, value]) => ({ series_id, value }))];
}

test("two polls make a rate in bit/s", () => {
  const rates = new InterfaceRates(series, 5);
  expect(rates.take(...sample(1000, { in: 0, out: 100, oper: 1, rtt: 3 })).get("i1")).toEqual({
    inBps: undefined,
    outBps: undefined,
    operStatus: "up",
    sampleAt: 1000,
  });
  expect(rates.take(...sample(6000, { in: 5000, out: 100, oper: 7 })).get("i1")).toEqual({
    inBps: 8000,
    outBps: 0,
    operStatus: "lowerLayerDown",
    sampleAt: 6000,
  });
});

test("after a gap the page does not know the rate, after a wrap nobody does", () => {
  const rates = new InterfaceRates(series, 5);
  rates.take(...sample(1000, { in: 10, out: 10 }));
  expect(rates.take(...sample(21_000, { in: 5000 })).get("i1")?.inBps).toBeUndefined();
  expect(rates.take(...sample(26_000, { in: 4000 })).get("i1")?.inBps).toBeNull();
});

test("a restart of the agent breaks the rate even where the counter is higher", () => {
  const rates = new InterfaceRates(series, 5);
  rates.take(...sample(1000, { in: 10, up: 1000 }));
  expect(rates.take(...sample(6000, { in: 5000, up: 2 })).get("i1")?.inBps).toBeUndefined();
  expect(rates.uptimeSecs()).toBe(2);
});

test("a batch that comes twice changes nothing", () => {
  const rates = new InterfaceRates(series, 5);
  rates.take(...sample(1000, { in: 0 }));
  rates.take(...sample(6000, { in: 5000 }));
  expect(rates.take(...sample(6000, { in: 5000 })).size).toBe(0);
  expect(rates.take(...sample(11_000, { in: 10_000 })).get("i1")?.inBps).toBe(8000);
});
