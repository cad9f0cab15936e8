// One run of discovery as it goes: fetched once, then followed on the stream.

import { reason } from "../../lib/api/call";
import { discoveries } from "../../lib/api/routes";
import type { Discovery, DiscoveryResult } from "../../lib/api/shapes";
import { throttled } from "../../lib/fetched.svelte";
import { live } from "../../lib/live/live.svelte";

/** Where the stream is away the run is asked for this often. */
const ASK_MS = 3000;

export class Run {
  discovery = $state.raw<Discovery | null>(null);
  results = $state.raw<ReadonlyMap<string, DiscoveryResult>>(new Map());
  problem = $state<string | null>(null);

  constructor(readonly id: string) {}

  /** Follows the run until the returned function is called. */
  follow(): () => void {
    const again = throttled(1000, () => void this.load());
    void this.load();
    const timer = setInterval(() => {
      if (this.discovery?.phase === "running" && live.freshness.word !== "live") void this.load();
    }, ASK_MS);
    const stops = [
      live.on("discovery", { discovery_id: this.id }, (event) => {
        if (event.event === "discovery_progress") {
          const progress = event.data as Discovery;
          if (progress.id !== this.id) return;
          this.discovery = progress;
          // The end may say more of the results, such as which device each one is.
          if (progress.phase !== "running") again();
        } else if (event.event === "discovery_found") {
          const { discovery_id, result } = event.data as { discovery_id: string; result: DiscoveryResult };
          if (discovery_id === this.id) this.#add([result]);
        }
      }),
      live.onCatchUp(() => this.load()),
    ];
    return () => {
      clearInterval(timer);
      again.stop();
      for (const stop of stops) stop();
    };
  }

  async load(): Promise<void> {
    try {
      const [discovery, results] = await Promise.all([discoveries.one(this.id), discoveries.results(this.id)]);
      this.discovery = discovery;
      this.#add(results);
      this.problem = null;
    } catch (error) {
      this.problem = reason(error);
    }
  }

  async cancel(): Promise<void> {
    try {
      await discoveries.cancel(this.id);
      await this.load();
    } catch (error) {
      this.problem = reason(error);
    }
  }

  #add(results: readonly DiscoveryResult[]): void {
    const all = new Map(this.results);
    for (const result of results) all.set(`${result.address} ${result.port}`, result);
    this.results = all;
  }
}
