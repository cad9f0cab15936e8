import { expect, test, vi } from "vitest";
import type { Page } from "./api/shapes";
import { Paged } from "./paged.svelte";

vi.stubGlobal("document", { visibilityState: "visible" });

/** Pages by cursor, each answered when it is let go. */
function held(): { ask: (cursor: string | null) => Promise<Page<string>>; asked: (string | null)[]; answer: (items: string[], next: string | null) => Promise<void> } {
  const asked: (string | null)[] = [];
  const open: ((page: Page<string>) => void)[] = [];
  return {
    asked,
    ask: (cursor) => {
      asked.push(cursor);
      return new Promise((resolve) => open.push(resolve));
    },
    answer: async (items, next) => {
      open.shift()?.({ items, next_cursor: next });
      for (let i = 0; i < 8; i += 1) await Promise.resolve();
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
