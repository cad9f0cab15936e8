import { afterEach, expect, test, vi } from "vitest";
import { Fetched, throttled } from "./fetched.svelte";

afterEach(() => vi.useRealTimers());

test("runs at once, then once for all that came in between", () => {
  vi.useFakeTimers();
  let runs = 0;
  const run = throttled(1000, () => (runs += 1));
  run();
  run();
  run();
  expect(runs).toBe(1);
  vi.advanceTimersByTime(1000);
  expect(runs).toBe(2);
  vi.advanceTimersByTime(5000);
  expect(runs).toBe(2);
  run();
  expect(runs).toBe(3);
  run();
  run.stop();
  vi.advanceTimersByTime(5000);
  expect(runs).toBe(3);
});

test("an answer that was overtaken is dropped", async () => {
  const answers: ((value: string) => void)[] = [];
  const fetched = new Fetched<string>(() => new Promise((resolve) => answers.push(resolve)));
  const first = fetched.load();
  const second = fetched.load();
  answers[1]?.("new");
  answers[0]?.("old");
  await Promise.all([first, second]);
  expect(fetched.value).toBe("new");
});

test("the last good answer stays on show when a later one fails", async () => {
  let fail = false;
  const fetched = new Fetched<number>(() => (fail ? Promise.reject(new Error("away")) : Promise.resolve(1)));
  await fetched.load();
  fail = true;
  await fetched.load();
  expect(fetched.value).toBe(1);
  expect(fetched.error).toBe("away");
  fail = false;
  await fetched.load();
  expect(fetched.error).toBeNull();
});

test("events that come faster than answers do not keep the answer away", async () => {
  const answers: ((value: string) => void)[] = [];
  const signals: AbortSignal[] = [];
  const fetched = new Fetched<string>((signal) => {
    signals.push(signal);
    return new Promise((resolve) => answers.push(resolve));
  });
  void fetched.again();
  const waited = [fetched.again(), fetched.again()];
  expect(answers).toHaveLength(1);
  expect(signals[0]?.aborted).toBe(false);
  answers[0]?.("first");
  await vi.waitFor(() => expect(answers).toHaveLength(2));
  expect(fetched.value).toBe("first");
  answers[1]?.("second");
  await Promise.all(waited);
  expect(fetched.value).toBe("second");
  expect(answers).toHaveLength(2);
});

test("what waits for its turn is not asked after the view is left", async () => {
  const answers: (() => void)[] = [];
  const fetched = new Fetched<void>(() => new Promise((resolve) => answers.push(resolve)));
  void fetched.again();
  const waited = fetched.again();
  fetched.stop();
  answers[0]?.();
  await waited;
  expect(answers).toHaveLength(1);
});
