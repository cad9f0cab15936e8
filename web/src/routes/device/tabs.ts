// The tabs of a device's page, as the address names them. Pure.

import type { PartName } from "./parts";

export interface Tab {
  name: string;
  label: string;
  /** What of `parts.ts` it shows; empty where it has a view of its own. */
  parts: readonly PartName[];
}

export const TABS = [
  { name: "interfaces", label: "Interfaces", parts: [] },
  { name: "availability", label: "Availability", parts: [] },
  { name: "neighbors", label: "Neighbours", parts: [] },
  { name: "flows", label: "Flows", parts: [] },
  { name: "checks", label: "Checks", parts: [] },
  { name: "sensors", label: "Sensors", parts: ["sensors"] },
  { name: "optics", label: "Optics", parts: ["optics"] },
  { name: "power", label: "Power", parts: ["power"] },
  { name: "wireless", label: "Wireless", parts: ["access-points", "radios", "networks", "signals"] },
  { name: "storage", label: "Storage and memory", parts: ["storage", "memory", "processors"] },
  { name: "addresses", label: "Addresses", parts: ["addresses"] },
  { name: "routing", label: "Routing", parts: ["routing-neighbors", "default-routes", "arp"] },
  { name: "vlans", label: "VLANs", parts: ["vlans"] },
  { name: "logs", label: "Logs", parts: [] },
  { name: "inventory", label: "Inventory", parts: ["inventory"] },
  { name: "traps", label: "Traps", parts: [] },
  { name: "objects", label: "Objects", parts: [] },
] as const satisfies readonly Tab[];

export type TabName = (typeof TABS)[number]["name"];

export const FIRST_TAB: TabName = "interfaces";

/** Names that addresses had once. */
const FORMER: Record<string, TabName> = { hardware: "storage", network: "addresses" };

/** The tab that an address asks for; the first one where it asks for none that there is. */
export function tabOf(text: string | null): Tab {
  const name = FORMER[text ?? ""] ?? text;
  return TABS.find((tab) => tab.name === name) ?? TABS[0];
}

/** The tab that a key goes to; null where the key goes nowhere. */
export function tabByKey(key: string, now: string): TabName | null {
  const at = TABS.findIndex((tab) => tab.name === now);
  const to = key === "ArrowRight" ? at + 1 : key === "ArrowLeft" ? at - 1 : key === "Home" ? 0 : key === "End" ? -1 : null;
  return to === null ? null : (TABS.at(to % TABS.length)?.name ?? null);
}
