// The network as the map shows it: devices, links and what they carry, fetched once and then kept up
// by the stream.

import { reason, isAborted } from "../../lib/api/call";
import { devices as deviceRoutes, foresight, network, series } from "../../lib/api/routes";
import type { Balance, Device, Status } from "../../lib/api/shapes";
import { throttled } from "../../lib/fetched.svelte";
import { byLink } from "../../lib/foresight/balance";
import { announceRendered, live, type SampleBatch } from "../../lib/live/live.svelte";
import { Turns } from "../../lib/turns";
import type { Carrying } from "./load";

/** Devices and links are fetched again at most this often. */
const RELOAD_MS = 3000;
/** What links carry is asked again at most this often where there are up to so many links. */
const LOADS_MS = 2500;
const LOADS_MANY = 1000;
const LOADS_MANY_MS = 10_000;
/** Loads age also where no sample tells of it. */
const LOADS_OLD_MS = 30_000;
/** What is advised changes with the hour. */
const ADVICE_MS = 600_000;
/** Statuses change together when something large fails; the picture changes once for all of them. */
const STATUS_MS = 200;
/** Series that one subscription of the stream may name. */
const NAMED_MAX = 1000;
/** Subscriptions for samples: beyond so many devices the timer has to do. */
const SUBSCRIPTIONS_MAX = 10;

export class Network {
  devices = $state.raw<readonly Device[] | null>(null);
  links = $state.raw<readonly Carrying[] | null>(null);
  /** How links are better used, by link; those that are used well are not in it. */
  advice = $state.raw<ReadonlyMap<string, Balance>>(new Map());
  problem = $state<string | null>(null);
  /** Ends with the view. */
  #left = new AbortController();
  #loading = new Turns();
  #loadingLoads = new Turns();
  #patches = new Map<string, Partial<Device>>();
  /** What was told since the load that is under way began: its answer may be of before. */
  #told = new Map<string, Partial<Device>>();
  #sampleAt: number | null = null;
  #stopSamples: (() => void)[] = [];
  #followed = 0;

  /** Follows the network until the returned function is called. */
  follow(): () => void {
    this.#left = new AbortController();
    const again = throttled(RELOAD_MS, () => void this.load());
    const patch = throttled(STATUS_MS, () => this.#applyPatches());
    const timer = setInterval(() => void this.#loadLoads(), LOADS_OLD_MS);
    const slow = setInterval(() => void this.#loadAdvice(), ADVICE_MS);
    const stops = [
      live.on("status", {}, (event) => {
        if (event.event === "device_status") {
          const data = event.data as { device_id: string; to: Status; since: string; evidence?: Device["status_evidence"] };
          this.#patches.set(data.device_id, { status: data.to, status_since: data.since, ...(data.evidence && { status_evidence: data.evidence }) });
          patch();
        }
        // Links follow their ports, and the server says which.
        again();
      }),
      live.on("devices", {}, again),
      live.onCatchUp(() => this.load()),
    ];
    void this.load();
    void this.#loadAdvice();
    return () => {
      clearInterval(timer);
      clearInterval(slow);
      again.stop();
      patch.stop();
      this.#left.abort();
      for (const stop of [...stops, ...this.#stopSamples]) stop();
    };
  }

  /**
   * Fetches all of it again. In a large network that takes longer than the next event: what is under
   * way is waited for, and all that ask meanwhile share the next load.
   */
  load(): Promise<void> {
    return this.#loading.after(() => this.#load());
  }

  async #load(): Promise<void> {
    const { signal } = this.#left;
    if (signal.aborted) return;
    this.#told = new Map();
    try {
      const [devices, links] = await Promise.all([deviceRoutes.all(signal), network.links(signal)]);
      if (signal.aborted) return;
      const known = new Map(this.links?.map(({ link, load }) => [link.id, load]));
      this.devices = devices.map((device) => ({ ...device, ...this.#told.get(device.id) }));
      this.links = links.map((link) => ({ link, load: known.get(link.id) ?? null }));
      this.problem = null;
      // The picture stands; its colours come.
      await this.#loadLoads();
      await this.#followSamples(signal);
    } catch (error) {
      if (!signal.aborted && !isAborted(error)) this.problem = reason(error);
    }
  }

  async #loadAdvice(): Promise<void> {
    const { signal } = this.#left;
    try {
      this.advice = byLink(await foresight.balanced(signal));
    } catch {
      // The map is whole without it.
    }
  }

  #loadLoads(): Promise<void> {
    return this.#loadingLoads.after(() => this.#askLoads());
  }

  async #askLoads(): Promise<void> {
    const { signal } = this.#left;
    if (!this.links || signal.aborted) return;
    const sampleAt = this.#sampleAt;
    try {
      const loads = await network.loads(signal);
      if (signal.aborted) return;
      const loadOf = new Map(loads.map((load) => [load.link_id, load]));
      this.links = (this.links ?? []).map(({ link, load }) => ({ link, load: loadOf.get(link.id) ?? load }));
      if (sampleAt !== null) void announceRendered(sampleAt);
    } catch {
      // The next one tells; what is on the map is as old as the stream says.
    }
  }

  /**
   * Every poll of a device has one sample of its uptime: the smallest word that says that there are
   * new counters. The rates themselves are the server's, which knows of wraps and restarts.
   */
  async #followSamples(signal: AbortSignal): Promise<void> {
    const linked = new Set((this.links ?? []).flatMap(({ link }) => [link.a.device_id, link.b.device_id]));
    if (linked.size === this.#followed) return;
    const uptimes = await series.ofMetric("sysUpTime", signal);
    this.#followed = linked.size;
    for (const stop of this.#stopSamples) stop();
    const ids = uptimes.filter((one) => linked.has(one.labels.device_id ?? "")).map((one) => one.id);
    const again = throttled((this.links?.length ?? 0) > LOADS_MANY ? LOADS_MANY_MS : LOADS_MS, () => void this.#loadLoads());
    this.#stopSamples = [() => again.stop()];
    const known = new Set(ids);
    for (let i = 0; i < ids.length && i < NAMED_MAX * SUBSCRIPTIONS_MAX; i += NAMED_MAX) {
      this.#stopSamples.push(
        live.on("series", { series_ids: ids.slice(i, i + NAMED_MAX) }, (event) => {
          const batch = event.data as SampleBatch;
          if (event.event !== "samples" || !batch.samples.some((sample) => known.has(sample.series_id))) return;
          this.#sampleAt = Date.parse(batch.at);
          again();
        }),
      );
    }
  }

  #applyPatches(): void {
    const patches = this.#patches;
    this.#patches = new Map();
    for (const [id, patch] of patches) this.#told.set(id, patch);
    this.devices = this.devices?.map((device) => ({ ...device, ...patches.get(device.id) })) ?? null;
  }
}
