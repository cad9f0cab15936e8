import { beforeEach, expect, test, vi } from "vitest";
import type { Device } from "../../lib/api/shapes";
import { Network } from "./network.svelte";

const asked: { signal: AbortSignal; answer: (devices: Device[]) => void }[] = [];
const told = new Map<string, (event: unknown) => void>();
vi.mock("../../lib/api/routes", () => ({
  devices: { all: (signal: AbortSignal) => new Promise((answer) => asked.push({ signal, answer })) },
  network: { links: () => Promise.resolve([]), loads: () => Promise.resolve([]) },
  series: { ofMetric: () => Promise.resolve([]) },
}));
vi.mock("../../lib/live/live.svelte", () => ({
  announceRendered: () => undefined,
  live: {
    on: (topic: string, _: unknown, tell: (event: unknown) => void) => {
      told.set(topic, tell);
      return () => undefined;
    },
    onCatchUp: () => () => undefined,
  },
}));
beforeEach(() => asked.splice(0));

const device = (id: string): Device => ({ id, status: "up" }) as Device;
const requests = (n: number): Promise<void> => vi.waitFor(() => expect(asked).toHaveLength(n));

test("a network that takes longer to load than the next event comes is drawn all the same", async () => {
  const network = new Network();
  const stop = network.follow();
  const waited = [network.load(), network.load()];
  expect(asked).toHaveLength(1);
  expect(asked[0]?.signal.aborted).toBe(false);
  asked[0]?.answer([device("a")]);
  await requests(2);
  expect(network.devices?.map((one) => one.id)).toEqual(["a"]);
  asked[1]?.answer([device("a"), device("b")]);
  await Promise.all(waited);
  expect(network.devices).toHaveLength(2);
  expect(asked).toHaveLength(2);
  stop();
});

test("an answer that is older than what the stream said does not undo it", async () => {
  const network = new Network();
  const stop = network.follow();
  told.get("status")?.({ event: "device_status", data: { device_id: "a", to: "down", since: "" } });
  asked[0]?.answer([device("a")]);
  await vi.waitFor(() => expect(network.devices?.[0]?.status).toBe("down"));
  stop();
});

test("leaving the map ends what is under way", () => {
  const network = new Network();
  network.follow()();
  expect(asked[0]?.signal.aborted).toBe(true);
});
