// The places of the map as state: kept in the browser, computed in a worker where one is missing.

import { read, write } from "./arrangement";
import { arrange, isArranged, type LayoutInput, type Place, type Places } from "./layout";
import type { Ask, Told } from "./layout.worker";

const KEY = "foretell.map";
const NONE: Places = new Map();

export class Arranged {
  /** Each space is replaced as a whole when one of its places changes. */
  spaces = $state.raw<ReadonlyMap<string, Places>>(kept());
  /** Layouts that are under way. */
  busy = $state(0);
  #worker: Worker | null = null;
  /** The worker cannot be had, as when the server was upgraded since the page came: the page computes. */
  #alone = false;
  #seq = 0;
  /** What the newest question of a space was, and who waits for it. */
  #asked = new Map<string, number>();
  #waiting = new Map<number, { wanted: LayoutInput; took: (places: Places) => void }>();

  of(space: string): Places {
    return this.spaces.get(space) ?? NONE;
  }

  /**
   * Computes what of a space has no place yet; `first` is done to the whole where it had no places
   * at all. The answer of an earlier question is dropped.
   */
  ensure(space: string, input: Omit<LayoutInput, "kept">, first: (places: Places) => Places = (places) => places): void {
    const wanted = { ...input, kept: this.of(space) };
    if (isArranged(wanted)) return;
    const seq = (this.#seq += 1);
    this.#asked.set(space, seq);
    this.busy += 1;
    const took = (computed: Places): void => {
      const places = wanted.kept.size === 0 ? first(computed) : computed;
      this.busy -= 1;
      if (this.#asked.get(space) !== seq) return;
      // What was moved by hand meanwhile stays where the hand put it.
      const moved = [...this.of(space)].filter(([, place]) => place.how === "moved");
      this.#set(space, new Map([...places, ...moved]));
      this.save();
    };
    const worker = this.#open();
    if (!worker) {
      took(arrange(wanted));
      return;
    }
    this.#waiting.set(seq, { wanted, took });
    worker.postMessage({ seq, nodes: input.nodes, links: input.links, kept: [...wanted.kept] } satisfies Ask);
  }

  /** Puts a node where it was taken to; it stays there. */
  move(space: string, id: string, at: { x: number; y: number }): void {
    this.#set(space, new Map([...this.of(space), [id, { ...at, how: "moved" }]]));
  }

  /** Forgets the places of a space, those that were chosen by hand too. */
  forget(spaces: readonly string[]): void {
    const rest = new Map(this.spaces);
    for (const space of spaces) rest.delete(space);
    this.spaces = rest;
    this.save();
  }

  movedIn(spaces: readonly string[]): number {
    return spaces.reduce((n, space) => n + [...this.of(space).values()].filter((place) => place.how === "moved").length, 0);
  }

  save(): void {
    try {
      localStorage.setItem(KEY, write(this.spaces));
    } catch {
      // Kept for this visit only: the browser refuses, or has no more room.
    }
  }

  stop(): void {
    this.#worker?.terminate();
    this.#worker = null;
    this.#waiting.clear();
  }

  #set(space: string, places: Places): void {
    this.spaces = new Map([...this.spaces, [space, places]]);
  }

  #open(): Worker | null {
    if (this.#worker || this.#alone) return this.#worker;
    try {
      const worker = new Worker(new URL("./layout.worker.ts", import.meta.url), { type: "module" });
      worker.onmessage = ({ data }: MessageEvent<Told>) => {
        const asked = this.#waiting.get(data.seq);
        this.#waiting.delete(data.seq);
        asked?.took(new Map(data.places));
      };
      worker.onerror = () => this.#giveUp();
      worker.onmessageerror = () => this.#giveUp();
      this.#worker = worker;
      return worker;
    } catch {
      this.#alone = true;
      return null;
    }
  }

  /** Answers here what the worker was asked. */
  #giveUp(): void {
    this.#alone = true;
    const left = [...this.#waiting.values()];
    this.stop();
    for (const { wanted, took } of left) took(arrange(wanted));
  }
}

function kept(): Map<string, Map<string, Place>> {
  try {
    return read(localStorage.getItem(KEY));
  } catch {
    return new Map();
  }
}
