// What is coming: limits that are expected to be reached soon, and what is out of the ordinary now.

import { foresight } from "../api/routes";
import type { Anomaly, Capacity, Page } from "../api/shapes";
import { Fetched, throttled } from "../fetched.svelte";
import { live } from "../live/live.svelte";

/** Days within which a limit is told of. */
export const WITHIN_DAYS = 90;
/** Events come in bursts; the lists are fetched once for all of them. */
const REFRESH_MS = 1500;

export class Coming {
  warnings: Fetched<Page<Capacity>>;
  anomalies: Fetched<Page<Anomaly>>;

  constructor(limit: number, site: () => string | null = () => null) {
    this.warnings = new Fetched((signal) => foresight.capacity({ within_days: WITHIN_DAYS, sort: "expected_at", limit, site: site() }, signal));
    this.anomalies = new Fetched((signal) => foresight.anomalies({ open: true, limit, site: site() }, signal));
  }

  async load(): Promise<void> {
    await Promise.all([this.warnings.again(), this.anomalies.again()]);
  }

  /** For `onMount`: loads, and again with each event; answers how to end it. */
  watch(): () => void {
    void this.load();
    const anomalies = throttled(REFRESH_MS, () => void this.anomalies.again());
    const warnings = throttled(REFRESH_MS, () => void this.warnings.again());
    const stops = [live.on("anomalies", {}, anomalies), live.on("forecasts", {}, (event) => event.event === "capacity_warning" && warnings()), live.onCatchUp(() => this.load())];
    return () => {
      anomalies.stop();
      warnings.stop();
      for (const stop of stops) stop();
      this.warnings.stop();
      this.anomalies.stop();
    };
  }
}
