// The page's one stream as state: its condition, and subscriptions that end with their component.

import { tick, untrack } from "svelte";
import { clock } from "../clock.svelte";
import { freshness, Stream, type Condition, type Filter, type Socket, type StreamEvent, type Topic } from "./stream";

/** What `samples` events carry: values as stored, counters raw. */
export interface SampleBatch {
  device_id: string;
  at: string;
  samples: { series_id: string; value: number }[];
}

class Live {
  condition = $state.raw<Condition>({ phase: "closed", heardAt: null, catchingUp: false, heartbeatSecs: 15 });
  #stream = new Stream(
    {
      open: () => {
        const scheme = location.protocol === "https:" ? "wss" : "ws";
        // The browser's type names more of an event than a stream needs.
        return new WebSocket(`${scheme}://${location.host}/api/v1/stream`) as unknown as Socket;
      },
      now: () => Date.now(),
      after: (ms, done) => {
        const timer = setTimeout(done, ms);
        return () => clearTimeout(timer);
      },
    },
    (condition) => {
      const lost = condition.phase === "closed" && this.condition.phase !== "closed";
      this.condition = condition;
      if (lost) this.onLost();
    },
  );
  /** Told of each lost connection: the session may be over, which a WebSocket cannot say. */
  onLost: () => void = () => undefined;


  constructor() {
    window.addEventListener("online", () => this.#stream.hurry());
    // A browser slows the timers of a page that nobody sees.
    document.addEventListener("visibilitychange", () => this.#stream.hurry());
  }

  freshness = $derived(freshness(this.condition, Math.max(clock.now, this.condition.heardAt ?? 0)));

  start(): void {
    this.#stream.start();
  }

  stop(): void {
    this.#stream.stop();
  }

  /** For the body of an `$effect`: subscribes now, and answers how to end it. */
  on(topic: Topic, filter: Filter, told: (event: StreamEvent) => void): () => void {
    return untrack(() => this.#stream.subscribe(topic, filter, told));
  }

  /** For the body of an `$effect`: what to fetch again when events may have been missed. */
  onCatchUp(fetchAgain: () => Promise<unknown> | void): () => void {
    return untrack(() => this.#stream.onCatchUp(fetchAgain));
  }
}

export const live = new Live();

/**
 * Tells the window that a sample of the stream stands on the page: `foretell:sample`, with `at`
 * (when the device answered, unix ms, the server's clock) and `receivedAt` (now, the browser's
 * clock). Tests measure the delay from device to eye with it.
 */
export async function announceRendered(at: number): Promise<void> {
  await tick();
  window.dispatchEvent(new CustomEvent("foretell:sample", { detail: { at, receivedAt: Date.now() } }));
}
