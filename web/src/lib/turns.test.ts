import { expect, test } from "vitest";
import { Turns } from "./turns";

/** Loads that end when the test says so. */
function loads() {
  const open: (() => void)[] = [];
  const load = () => new Promise<void>((done) => open.push(done));
  return { load, open, settled: () => new Promise((done) => setTimeout(done)) };
}

test("what is under way is not begun anew, and runs once more for all that asked meanwhile", async () => {
  const { load, open, settled } = loads();
  const turns = new Turns();
  void turns.after(load);
  const waited = [turns.after(load), turns.after(load), turns.after(load)];
  expect(open).toHaveLength(1);
  open[0]?.();
  await settled();
  expect(open).toHaveLength(2);
  open[1]?.();
  await Promise.all(waited);
  expect(open).toHaveLength(2);
  void turns.after(load);
  expect(open).toHaveLength(3);
});

test("another load begins at once, and what waits goes after it", async () => {
  const { load, open, settled } = loads();
  const turns = new Turns();
  void turns.after(load);
  void turns.after(load);
  void turns.begin(load);
  expect(open).toHaveLength(2);
  open[0]?.();
  await settled();
  expect(open).toHaveLength(2);
  open[1]?.();
  await settled();
  expect(open).toHaveLength(3);
});

test("a load that fails does not hold the next one up", async () => {
  const { load, open, settled } = loads();
  const turns = new Turns();
  turns.after(() => Promise.reject(new Error("away"))).catch(() => undefined);
  void turns.after(load);
  await settled();
  expect(open).toHaveLength(1);
});
