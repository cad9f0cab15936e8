import { expect, test, vi } from "vitest";
import type { Page } from "./api/shapes";
import { Paged } from "./paged.svelte";

vi.stubGlobal("document", { visibilityState: "visible" });

interface Held {
  ask: (cursor: string | null, signal?: AbortSignal, of?: number) => Promise<Page<string>>;
  asked: (string | null)[];
  of: (number | undefined)[];
  answer: (items: string[], next: string | null) => Promise<void>;
  fail: () => Promise<void>;
}

/** Pages by cursor, each answered when it is let go. */
function held(): Held {
  const asked: (string | null)[] = [];
  const of: (number | undefined)[] = [];
  const open: { resolve: (page: Page<string>) => void; reject: (error: Error) => void }[] = [];
  const settled = async (): Promise<void> => {
    for (let i = 0; i < 12; i += 1) await Promise.resolve();
  };
  return {
    asked,
    of,
    ask: (cursor, _, is) => {
      asked.push(cursor);
      of.push(is);
      return new Promise((resolve, reject) => open.push({ resolve, reject }));
    },
    answer: async (items, next) => {
      open.shift()?.resolve({ items, next_cursor: next });
      await settled();
    },
    fail: async () => {
      open.shift()?.reject(new Error("no answer"));
      await settled();
    },
  };
}

test("older pages follow the first, each once", async () => {
  const { ask, asked, answer } = held();
  const list = new Paged(ask);
  list.begin();
  await answer(["c", "b"], "1");
  void list.more();
  void list.more();
  await answer(["a"], null);
  expect(list.rows).toEqual(["c", "b", "a"]);
  expect([asked, list.next]).toEqual([[null, "1"], null]);
});

test("an empty page with more behind it is gone past", async () => {
  const { ask, asked, answer } = held();
  const list = new Paged(ask);
  list.begin();
  await answer([], "1");
  await answer(["a"], null);
  expect([list.rows, asked]).toEqual([["a"], [null, "1"]]);
});

test("while older ones are fetched or shown the first page stays", async () => {
  const { ask, asked, answer } = held();
  const list = new Paged(ask);
  list.begin();
  await answer(["b"], "1");
  void list.more();
  list.renew();
  await answer(["a"], "2");
  list.renew();
  expect(asked).toEqual([null, "1"]);
});

test("a page of an earlier list is not taken for one of this", async () => {
  const { ask, answer } = held();
  const list = new Paged(ask);
  list.begin();
  await answer(["b"], "1");
  void list.more();
  list.begin();
  await answer(["of the list before"], null);
  await answer(["z"], null);
  expect(list.rows).toEqual(["z"]);
});

test("older rows are asked for by what their first page was of while a renewal is open or failed", async () => {
  const { ask, asked, of, answer, fail } = held();
  let now = 0;
  const list = new Paged<string, number>(ask, () => (now += 1));
  list.begin();
  await answer(["b"], "1");
  list.renew();
  await fail();
  list.renew();
  void list.more();
  expect([asked, of]).toEqual([
    [null, null, null, "1"],
    [1, 2, 3, 1],
  ]);
});

test("after older rows could not be had new ones are still looked for", async () => {
  const { ask, asked, answer, fail } = held();
  const list = new Paged(ask);
  list.begin();
  await answer(["b"], "1");
  void list.more();
  await fail();
  expect(list.error).not.toBeNull();
  list.renew();
  await answer(["c", "b"], "2");
  expect([list.rows, list.next, asked]).toEqual([["c", "b"], "2", [null, "1", null]]);
});

test("while another list begins nothing older is asked for by the cursor of the one before", async () => {
  const { ask, asked, answer } = held();
  const list = new Paged(ask);
  list.begin();
  await answer(["b"], "1");
  list.begin();
  await list.more();
  await answer(["z"], null);
  expect([list.rows, asked]).toEqual([["z"], [null, null]]);
});
