// A list whose latest rows are looked at again and again, and whose older ones are fetched page by page
// behind them. Older pages belong to the first one as it was: while they are shown, it stays.

import { reason } from "./api/call";
import type { Page } from "./api/shapes";
import { Fetched } from "./fetched.svelte";

/** Requests for one page: a rare word in much text is looked for in several. */
const REQUESTS_MAX = 10;

/** Asks for a page; `of` is what its list is of, as it was when its first page was asked for. */
type Ask<T, Of> = (cursor: string | null, signal: AbortSignal | undefined, of: Of) => Promise<Page<T>>;

interface First<T, Of> extends Page<T> {
  of: Of;
  /** The list that it begins. */
  list: number;
}

export class Paged<T, Of = undefined> {
  older = $state.raw<T[]>([]);
  /** Where the rows end that are shown; undefined where that is where the first page ends. */
  #end = $state.raw<string | null | undefined>(undefined);
  loadingMore = $state(false);
  #failed = $state<string | null>(null);
  /** Another number for each list that was begun: what was asked of an earlier one is not for it. */
  #list = 0;
  #ask: Ask<T, Of>;
  first: Fetched<First<T, Of>>;

  /** `of` is asked anew for each first page, and goes with the cursors of the one that came. */
  constructor(ask: Ask<T, Of>, of?: () => Of) {
    this.#ask = ask;
    this.first = new Fetched(async (signal) => {
      const list = this.#list;
      const is = of?.() as Of;
      return { ...(await this.#page(null, is, signal)), of: is, list };
    });
  }

  get rows(): T[] {
    return [...(this.first.value?.items ?? []), ...this.older];
  }
  /** Where older rows begin; null where there are none. */
  get next(): string | null {
    return this.#end === undefined ? (this.first.value?.next_cursor ?? null) : this.#end;
  }
  get error(): string | null {
    return this.#failed ?? this.first.error;
  }

  /** Begins anew: another list is asked for, or the same after an error. */
  begin(): void {
    this.#list += 1;
    this.older = [];
    this.#end = undefined;
    this.#failed = null;
    void this.first.load();
  }

  /** Looks for new rows; who has gone back reads in peace, and a page that nobody sees asks for nothing. */
  renew(): void {
    if (this.#end === undefined && !this.loadingMore && document.visibilityState === "visible") void this.first.again();
  }

  /** Fetches the next older page. */
  async more(): Promise<void> {
    const cursor = this.next;
    const first = this.first.value;
    const list = this.#list;
    // While another list begins, the rows of the one before are still shown: its cursor is not for this.
    if (!cursor || this.loadingMore || first?.list !== list) return;
    // A first page that came now would end elsewhere, and rows between would be missing.
    this.first.stop();
    this.loadingMore = true;
    try {
      const got = await this.#page(cursor, first.of);
      if (list !== this.#list) return;
      this.older = [...this.older, ...got.items];
      this.#end = got.next_cursor ?? null;
      this.#failed = null;
    } catch (error) {
      if (list !== this.#list) return;
      this.#failed = reason(error);
      // Nothing is behind the first page yet, or it stays for that: new rows are looked for again.
      this.first.resume();
    } finally {
      this.loadingMore = false;
    }
  }

  stop(): void {
    this.#list += 1;
    this.first.stop();
  }

  async #page(cursor: string | null, of: Of, signal?: AbortSignal): Promise<Page<T>> {
    let got = await this.#ask(cursor, signal, of);
    for (let i = 1; i < REQUESTS_MAX && got.items.length === 0 && got.next_cursor; i += 1) {
      got = await this.#ask(got.next_cursor, signal, of);
    }
    return got;
  }
}
