import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Job } from "../../lib/api/shapes";
import { Jobs, LIVE_MS, QUIET_MS } from "./jobs.svelte";

const page = { visibilityState: "visible", addEventListener: () => undefined, removeEventListener: () => undefined };
beforeEach(() => {
  vi.useFakeTimers();
  page.visibilityState = "visible";
  vi.stubGlobal("document", page);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const job = (state: Job["state"], done = 0): Job => ({ id: "j", kind: "export", state, done, total: 10, unit: "series", user_id: "u", by: "admin", made_at: "" });

test("often while one is under way, seldom else, never while nobody looks, and not after leaving", async () => {
  let asked = 0;
  let now: Job[] | null = [job("running")];
  const jobs = new Jobs(() => {
    asked += 1;
    return Promise.resolve(now);
  });
  const ended: string[] = [];
  jobs.onEnded((one) => ended.push(one.state));
  const leave = jobs.watch();
  await vi.advanceTimersByTimeAsync(LIVE_MS * 3);
  expect(asked).toBe(4);
  page.visibilityState = "hidden";
  await vi.advanceTimersByTimeAsync(QUIET_MS * 2);
  expect(asked).toBe(4);
  page.visibilityState = "visible";
  now = [job("done")];
  await vi.advanceTimersByTimeAsync(LIVE_MS);
  expect([asked, jobs.there, ended]).toEqual([5, true, ["done"]]);
  await vi.advanceTimersByTimeAsync(QUIET_MS - LIVE_MS);
  expect(asked).toBe(5);
  await vi.advanceTimersByTimeAsync(LIVE_MS);
  expect([asked, ended]).toEqual([6, ["done"]]);
  leave();
  await vi.advanceTimersByTimeAsync(QUIET_MS * 3);
  expect(asked).toBe(6);
});

test("one question at a time", async () => {
  let open = 0;
  let most = 0;
  const jobs = new Jobs(async () => {
    open += 1;
    most = Math.max(most, open);
    await new Promise((done) => setTimeout(done, LIVE_MS * 3));
    open -= 1;
    return [job("running")];
  });
  const leave = jobs.watch();
  await vi.advanceTimersByTimeAsync(LIVE_MS * 20);
  expect(most).toBe(1);
  leave();
});

test("progress that goes back is told, and a server without jobs is left in peace", async () => {
  const answers: (Job[] | null)[] = [[job("running", 5)], [job("running", 3)], null];
  const jobs = new Jobs(() => Promise.resolve(answers.shift() ?? null));
  const leave = jobs.watch();
  await vi.advanceTimersByTimeAsync(0);
  expect(jobs.wentBack("j")).toBe(false);
  await vi.advanceTimersByTimeAsync(LIVE_MS);
  expect(jobs.wentBack("j")).toBe(true);
  await vi.advanceTimersByTimeAsync(LIVE_MS);
  expect([jobs.there, jobs.list]).toEqual([false, []]);
  leave();
});
