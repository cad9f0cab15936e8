// What the list of devices asks of the server, from the address. Pure.

import type { DevicesQuery } from "../../lib/api/routes";
import type { Device } from "../../lib/api/shapes";

export const SORTS = ["name", "address", "status", "site", "vendor", "last_seen_at"] as const;
export type Sort = (typeof SORTS)[number];

export const DEFAULT_SORT = "name";

/** The chips above the list, by the words in the address. */
export const STATE_FILTERS = ["down", "degraded", "unknown", "up"] as const;

/** The query of the list for what the address holds. */
export function listQuery(address: URLSearchParams): DevicesQuery {
  const state = STATE_FILTERS.find((name) => name === address.get("state"));
  return {
    sort: sortOf(address),
    q: address.get("q"),
    site: address.get("site"),
    tag: address.get("tag"),
    status: state,
  };
}

export function sortOf(address: URLSearchParams): string {
  const given = address.get("sort") ?? DEFAULT_SORT;
  return SORTS.some((s) => given === s || given === `-${s}`) ? given : DEFAULT_SORT;
}

/** The sort after a click on a column: up, then down. */
export function nextSort(current: string, column: Sort): string {
  return current === column ? `-${column}` : column;
}

/** The rows with one of them replaced, without moving any; the same array where it is not listed. */
export function patched(rows: readonly Device[], device: Pick<Device, "id"> & Partial<Device>): readonly Device[] {
  const at = rows.findIndex((row) => row.id === device.id);
  if (at < 0) return rows;
  return rows.map((row, i) => (i === at ? { ...row, ...device } : row));
}
