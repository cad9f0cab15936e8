// The rows of the list that are loaded: page after page from the server, changed in place.

import { isAborted, reason } from "../../lib/api/call";
import { devices, type DevicesQuery } from "../../lib/api/routes";
import type { Device } from "../../lib/api/shapes";
import { Turns } from "../../lib/turns";
import { patched } from "./devicelist";

/** A few screens: the first rows come quickly, and the next page before the end is in sight. */
const PAGE_ROWS = 200;
/** Most rows that the server gives at a time. */
const LIMIT_MAX = 1000;

export class DeviceRows {
  rows = $state.raw<readonly Device[]>([]);
  /** Where the next page begins; null where there is none. */
  cursor = $state<string | null>(null);
  phase = $state<"first" | "more" | "idle">("first");
  problem = $state<string | null>(null);
  #query: DevicesQuery = {};
  #asked = 0;
  #turns = new Turns();
  /** What was told since the load that is under way began: its answer may be of before. */
  #told = new Map<string, Pick<Device, "id"> & Partial<Device>>();
  /** Loads of all rows again that are open. */
  #renewing = 0;

  /** Loads the first page of another list. */
  first(query: DevicesQuery): Promise<void> {
    this.#query = query;
    this.phase = "first";
    return this.#begin(async () => {
      const page = await devices.page({ ...query, limit: PAGE_ROWS });
      return { rows: page.items, cursor: page.next_cursor };
    });
  }

  /** Loads the next page. */
  more(): Promise<void> {
    const { cursor } = this;
    this.phase = "more";
    const dropped = this.#renewing > 0;
    const more = this.#begin(async () => {
      const page = await devices.page({ ...this.#query, limit: PAGE_ROWS, cursor });
      return { rows: [...this.rows, ...page.items], cursor: page.next_cursor };
    });
    // Who scrolls does not wait for rows to be loaded again; that is done afterwards.
    if (dropped) void this.again();
    return more;
  }

  /**
   * Loads again as many rows as are there, so that nothing below jumps. What is under way is waited
   * for, and all that ask meanwhile share the next load.
   */
  again(): Promise<void> {
    return this.#turns.after(() => this.#again());
  }

  async #again(): Promise<void> {
    const wanted = Math.max(this.rows.length, PAGE_ROWS);
    this.#renewing += 1;
    await this.#load(async () => {
      const rows: Device[] = [];
      let cursor: string | null | undefined;
      do {
        const page = await devices.page({ ...this.#query, limit: Math.min(LIMIT_MAX, wanted - rows.length), cursor });
        rows.push(...page.items);
        cursor = page.next_cursor;
      } while (cursor && rows.length < wanted);
      return { rows, cursor };
    });
    this.#renewing -= 1;
  }

  /** Changes one row where it stands. */
  patch(change: Pick<Device, "id"> & Partial<Device>): void {
    this.rows = patched(this.rows, change);
    if (this.phase !== "idle" || this.#renewing > 0) this.#told.set(change.id, { ...this.#told.get(change.id), ...change });
  }

  #begin(ask: () => Promise<{ rows: readonly Device[]; cursor: string | null | undefined }>): Promise<void> {
    return this.#turns.begin(() => this.#load(ask));
  }

  /** The answer of an earlier question that comes later is dropped. */
  async #load(ask: () => Promise<{ rows: readonly Device[]; cursor: string | null | undefined }>): Promise<void> {
    this.#asked += 1;
    const mine = this.#asked;
    this.#told = new Map();
    try {
      const { rows, cursor } = await ask();
      if (mine !== this.#asked) return;
      this.rows = rows.map((row) => ({ ...row, ...this.#told.get(row.id) }));
      this.cursor = cursor ?? null;
      this.problem = null;
    } catch (error) {
      if (mine === this.#asked && !isAborted(error)) this.problem = reason(error);
    } finally {
      if (mine === this.#asked) this.phase = "idle";
    }
  }
}
