// What was asked of the server, with the last good answer kept on show while a new one is fetched.

import { isAborted, reason } from "./api/call";

export class Fetched<T> {
  value = $state.raw<T | null>(null);
  error = $state<string | null>(null);
  loading = $state(false);
  #abort: AbortController | null = null;
  #ask: (signal: AbortSignal) => Promise<T>;

  constructor(ask: (signal: AbortSignal) => Promise<T>) {
    this.#ask = ask;
  }

  /** Asks; an earlier question that is still open is dropped. Never throws. */
  async load(): Promise<void> {
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
    this.#abort?.abort();
    this.#abort = null;
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
