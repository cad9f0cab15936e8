// The rates and states of a device's interfaces as the stream's samples come in. Pure but for what
// it remembers: the last reading of each counter.

import type { IfStatus, Series } from "../api/shapes";
import { GAP_POLLS, rate, type Reading } from "../rates";

export interface IfLive {
  /** bit/s. Null where the counter restarted; undefined where no earlier reading is known. */
  inBps: number | null | undefined;
  outBps: number | null | undefined;
  operStatus: IfStatus | null;
  /** When the device answered with what these were computed from, unix ms. */
  sampleAt: number;
}

/** ifOperStatus by its number. Source: IF-MIB (RFC 2863). */
const OPER_STATUS: readonly IfStatus[] = ["up", "down", "testing", "unknown", "dormant", "notPresent", "lowerLayerDown"];

const IN = "ifHCInOctets";
const OUT = "ifHCOutOctets";
const OPER = "ifOperStatus";
const UPTIME = "sysUpTime";

export class InterfaceRates {
  #series = new Map<string, { metric: string; interfaceId: string | undefined }>();
  #last = new Map<string, Reading>();
  #intervalSecs: number;

  constructor(series: readonly Series[], intervalSecs: number) {
    this.#intervalSecs = intervalSecs;
    for (const one of series) {
      if ([IN, OUT, OPER, UPTIME].includes(one.metric)) {
        this.#series.set(one.id, { metric: one.metric, interfaceId: one.labels.interface_id });
      }
    }
  }

  /** Seconds since the agent restarted, at the last reading. */
  uptimeSecs(): number | null {
    for (const [id, { metric }] of this.#series) if (metric === UPTIME) return this.#last.get(id)?.value ?? null;
    return null;
  }

  /** What one poll's samples say of each interface that they speak of. */
  take(at: number, samples: readonly { series_id: string; value: number }[]): Map<string, IfLive> {
    if (this.#restarted(at, samples)) this.#last.clear();
    const out = new Map<string, IfLive>();
    for (const { series_id, value } of samples) {
      const series = this.#series.get(series_id);
      if (!series) continue;
      const before = this.#last.get(series_id);
      const now = { at, value };
      // A batch that comes twice, or late, must not become the base of the next rate.
      if (before && before.at >= at) continue;
      this.#last.set(series_id, now);
      if (series.interfaceId === undefined) continue;
      const row = out.get(series.interfaceId) ?? { inBps: undefined, outBps: undefined, operStatus: null, sampleAt: at };
      if (series.metric === IN) row.inBps = this.#bits(before, now);
      else if (series.metric === OUT) row.outBps = this.#bits(before, now);
      else if (series.metric === OPER) row.operStatus = OPER_STATUS[value - 1] ?? null;
      out.set(series.interfaceId, row);
    }
    return out;
  }

  #bits(before: Reading | undefined, now: Reading): number | null | undefined {
    if (!before || now.at - before.at > GAP_POLLS * this.#intervalSecs * 1000) return undefined;
    const octets = rate(before, now, this.#intervalSecs);
    return octets === null ? null : octets * 8;
  }

  #restarted(at: number, samples: readonly { series_id: string; value: number }[]): boolean {
    return samples.some(({ series_id, value }) => {
      const before = this.#last.get(series_id);
      return this.#series.get(series_id)?.metric === UPTIME && before !== undefined && before.at < at && value < before.value;
    });
  }
}
