import { beforeEach, expect, test, vi } from "vitest";
import type { DevicesQuery } from "../../lib/api/routes";
import type { Device, Page } from "../../lib/api/shapes";
import { DeviceRows } from "./rows.svelte";

const asked: { query: DevicesQuery; answer: (page: Page<Device>) => void }[] = [];
vi.mock("../../lib/api/routes", () => ({
  devices: { page: (query: DevicesQuery) => new Promise((answer) => asked.push({ query, answer })) },
}));
beforeEach(() => asked.splice(0));

const page = (next: string | null, ...names: string[]): Page<Device> => ({ items: names.map((id) => ({ id, status: "up" }) as Device), next_cursor: next });
const requests = (n: number): Promise<void> => vi.waitFor(() => expect(asked).toHaveLength(n));

async function loaded(): Promise<DeviceRows> {
  const list = new DeviceRows();
  const first = list.first({});
  asked[0]?.answer(page("next", "a"));
  await first;
  return list;
}

test("a list whose loading takes longer than the next event is loaded all the same", async () => {
  const list = await loaded();
  void list.again();
  void list.again();
  const last = list.again();
  await requests(2);
  asked[1]?.answer(page(null, "b"));
  await requests(3);
  expect(list.rows.map((row) => row.id)).toEqual(["b"]);
  asked[2]?.answer(page(null, "c"));
  await last;
  expect(list.rows.map((row) => row.id)).toEqual(["c"]);
  expect(asked).toHaveLength(3);
});

test("another filter does not wait for what is under way, whose answer is dropped", async () => {
  const list = await loaded();
  const before = list.again();
  const other = list.first({ q: "core" });
  expect(asked.map(({ query }) => query.q)).toEqual([undefined, undefined, "core"]);
  asked[2]?.answer(page(null, "core-1"));
  await other;
  asked[1]?.answer(page(null, "old"));
  await before;
  expect(list.rows.map((row) => row.id)).toEqual(["core-1"]);
});

test("who scrolls gets the next page at once, and the rows are loaded again afterwards", async () => {
  const list = await loaded();
  void list.again();
  const more = list.more();
  expect(asked[2]?.query.cursor).toBe("next");
  asked[2]?.answer(page(null, "b"));
  await more;
  expect(list.rows.map((row) => row.id)).toEqual(["a", "b"]);
  asked[1]?.answer(page(null, "old"));
  await requests(4);
});

test("an answer that is older than what the stream said does not undo it", async () => {
  const list = await loaded();
  const again = list.again();
  list.patch({ id: "a", status: "down" });
  asked[1]?.answer(page(null, "a"));
  await again;
  expect(list.rows[0]?.status).toBe("down");
});
