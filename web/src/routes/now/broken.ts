// The devices that are listed as broken: down before degraded, the newest first. Pure but for what it
// is given to ask with.

import type { DevicesQuery } from "../../lib/api/routes";
import type { Device, Page } from "../../lib/api/shapes";

/** Rows of a page after the first. */
const PAGE_ROWS = 100;
/** Pages that are followed: two thousand devices of one status in maintenance hide what is behind them. */
const PAGES_MAX = 20;

/**
 * At most `max` devices that are down or degraded. What is worked on is counted apart and is no news,
 * and the server has no filter for it: pages are followed until enough remain.
 */
export async function brokenDevices(ask: (query: DevicesQuery) => Promise<Page<Device>>, max: number): Promise<Device[]> {
  const [down, degraded] = await Promise.all([ofStatus("down", ask, max), ofStatus("degraded", ask, max)]);
  return [...down, ...degraded].slice(0, max);
}

async function ofStatus(status: "down" | "degraded", ask: (query: DevicesQuery) => Promise<Page<Device>>, max: number): Promise<Device[]> {
  const found: Device[] = [];
  let cursor: string | null | undefined;
  for (let n = 0; n < PAGES_MAX; n += 1) {
    const page = await ask({ status, sort: "-status_since", limit: n === 0 ? max : PAGE_ROWS, cursor });
    found.push(...page.items.filter((device) => !device.maintenance));
    cursor = page.next_cursor;
    if (!cursor || found.length >= max) break;
  }
  return found;
}
