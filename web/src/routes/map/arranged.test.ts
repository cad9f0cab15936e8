import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Arranged } from "./arranged.svelte";
import type { Ask, Told } from "./layout.worker";

/** A worker that the test answers for. */
class FakeWorker {
  static all: FakeWorker[] = [];
  asked: Ask[] = [];
  ended = false;
  onmessage: ((event: { data: Told }) => void) | null = null;
  onerror: (() => void) | null = null;
  onmessageerror: (() => void) | null = null;
  constructor() {
    FakeWorker.all.push(this);
  }
  postMessage(ask: Ask): void {
    this.asked.push(ask);
  }
  terminate(): void {
    this.ended = true;
  }
}
beforeEach(() => {
  FakeWorker.all = [];
  vi.stubGlobal("Worker", FakeWorker);
});
afterEach(() => vi.unstubAllGlobals());

const input = { nodes: [{ id: "a", radius: 10 }, { id: "b", radius: 10 }], links: [["a", "b"]] as const };

test("the worker's places are taken", () => {
  const arranged = new Arranged();
  arranged.ensure("flat", input);
  expect(arranged.busy).toBe(1);
  const worker = FakeWorker.all[0];
  worker?.onmessage?.({ data: { seq: worker.asked[0]?.seq ?? 0, places: [["a", { x: 1, y: 2, how: "linked" }]] } });
  expect(arranged.busy).toBe(0);
  expect(arranged.of("flat").get("a")).toMatchObject({ x: 1, y: 2 });
});

test("a worker whose file is gone after an upgrade does not leave the map arranging for ever", () => {
  const arranged = new Arranged();
  arranged.ensure("flat", input);
  arranged.ensure("site", input);
  expect(arranged.busy).toBe(2);
  FakeWorker.all[0]?.onerror?.();
  expect(arranged.busy).toBe(0);
  expect([...arranged.of("flat").keys()].sort()).toEqual(["a", "b"]);
  expect(arranged.of("site").size).toBe(2);
  expect(FakeWorker.all[0]?.ended).toBe(true);
  // It is not tried again: each time would fail the same way.
  arranged.ensure("third", input);
  expect(FakeWorker.all).toHaveLength(1);
  expect(arranged.busy).toBe(0);
  expect(arranged.of("third").size).toBe(2);
});
