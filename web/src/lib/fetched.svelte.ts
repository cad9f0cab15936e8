// What was asked of the server, with the last good answer kept on show while a new one is fetched.

import { isAborted, reason } from "./api/call";
import { Turns } from "./turns";

export class Fetched<T> {
  value = $state.raw<T | null>(null);
  error = $state<string | null>(null);
  loading = $state(false);
  #abort: AbortController | null = null;
  #turns = new Turns();
  #stopped = false;
  #ask: (signal: AbortSignal) => Promise<T>;

  constructor(ask: (signal: AbortSignal) => Promise<T>) {
    this.#ask = ask;
  }

  /** Asks; an earlier question that is still open is dropped. Never throws. */
  load(): Promise<void> {
    this.#stopped = false;
    return this.#turns.begin(() => this.#load());
  }

  /**
   * Asks the same again. A question that is open is waited for, and all that ask meanwhile share the
   * next one: events that come faster than answers do not keep them away. Never throws.
   */
  again(): Promise<void> {
    return this.#turns.after(() => (this.#stopped ? Promise.resolve() : this.#load()));
  }

  async #load(): Promise<void> {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.loading = true;
    try {
      const value = await this.#ask(abort.signal);
      if (abort !== this.#abort) return;
      this.value = value;
      this.error = null;
    } catch (error) {
      if (abort !== this.#abort || isAborted(error)) return;
      this.error = reason(error);
    } finally {
      if (abort === this.#abort) this.loading = false;
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#abort?.abort();
    this.#abort = null;
    this.loading = false;
  }

  /** After a stop: asks nothing itself, and lets `again` ask. */
  resume(): void {
    this.#stopped = false;
  }
}

/** Calls `run` at once, then at most once in `ms`, and once more for what came in between. */
export function throttled(ms: number, run: () => void): { (): void; stop(): void } {
  let timer: ReturnType<typeof setTimeout> | null = null;
  let again = false;
  const go = (): void => {
    if (timer !== null) {
      again = true;
      return;
    }
    run();
    timer = setTimeout(() => {
      timer = null;
      if (again) {
        again = false;
        go();
      }
    }, ms);
  };
  return Object.assign(go, {
    stop: () => {
      if (timer !== null) clearTimeout(timer);
      timer = null;
      again = false;
    },
  });
}
