// How advice on the balance of links is written, and which links of the map it is of. Pure.

import type { Balance, BalanceDirection } from "../api/shapes";
import { ABSENT, percent } from "../units";

/** What is gained, in percentage points: `24 points`. */
export function points(gain: number | null | undefined): string {
  if (typeof gain !== "number" || !Number.isFinite(gain)) return ABSENT;
  const whole = Number((gain * 100).toFixed(gain < 0.1 ? 1 : 0));
  return `${whole}\u202f${whole === 1 ? "point" : "points"}`;
}

/** The worst link now and then: `65 % → 27 %`. */
export function worst(of: Pick<Balance, "worst_now" | "worst_then">): string {
  return `${percent(of.worst_now)} → ${percent(of.worst_then)}`;
}

/** The direction that is looked at first: what gains most of those that are advised. */
export function best(of: Pick<Balance, "directions">): BalanceDirection | null {
  const byGain = [...of.directions].sort((a, b) => Number(b.is_advised) - Number(a.is_advised) || (b.gain ?? -1) - (a.gain ?? -1));
  return byGain[0] ?? null;
}

/** The weights with their ports: `eth1 3, eth2 13`. */
export function weights(direction: Pick<BalanceDirection, "members">): string {
  const told = direction.members.filter((member) => typeof member.weight === "number");
  return told.length === 0 ? ABSENT : told.map((member) => `${member.interface_name ?? "a port"} ${member.weight ?? 0}`).join(", ");
}

/** The advice of each link that has one, by the link's id. */
export function byLink(groups: readonly Balance[]): ReadonlyMap<string, Balance> {
  const found = new Map<string, Balance>();
  for (const group of groups) {
    if (!group.is_advised) continue;
    for (const member of group.directions[0]?.members ?? []) if (member.link_id) found.set(member.link_id, group);
  }
  return found;
}

/** Which device sends in a direction, by name. */
export function sender(group: Pick<Balance, "a" | "b">, direction: Pick<BalanceDirection, "from_device_id">): string {
  return direction.from_device_id === group.b?.device_id ? group.b.device_name : group.a.device_name;
}

/** What a group is of: `r1 – r2`, and where it leads to several or nobody knows where, its own name. */
export function between(group: Pick<Balance, "a" | "b" | "kind" | "name">): string {
  if (group.b) return `${group.a.device_name} – ${group.b.device_name}`;
  return `${group.a.device_name}, ${group.kind === "routes" ? "default route" : (group.name ?? "an aggregate")}`;
}

/** What makes a group one: `aggregate Po1`. */
export function kind(group: Pick<Balance, "kind" | "name">): string {
  if (group.kind === "aggregate") return group.name ? `aggregate ${group.name}` : "aggregate";
  return group.kind === "routes" ? "equal-cost routes" : "parallel links";
}
