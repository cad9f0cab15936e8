// How a trap is shown. Pure.

import type { Trap } from "../../lib/api/shapes";

/** What happened, as its MIB calls it, else by its OID. */
export function titleOf(trap: Pick<Trap, "name" | "trap_oid">): string {
  return trap.name ?? trap.trap_oid;
}

const PROOFS: Record<string, string> = {
  community: "community",
  no_auth_no_priv: "no authentication",
  auth_no_priv: "authenticated",
  auth_priv: "authenticated, enciphered",
};

/** How it came and how well it was protected: `v3 inform by ops, authenticated`. */
export function proofOf(trap: Pick<Trap, "version" | "confirmed" | "user" | "protection">): string {
  const what = `${trap.version} ${trap.confirmed ? "inform" : "trap"}${trap.user ? ` by ${trap.user}` : ""}`;
  return `${what}, ${PROOFS[trap.protection] ?? trap.protection}`;
}

export interface ShownObject {
  oid: string;
  name: string;
  value: string;
}

/** Its objects, each once, without what the row says beside: which interface it is about. */
export function objectsOf(trap: Pick<Trap, "objects" | "interface_id">): ShownObject[] {
  const seen = new Set<string>();
  const shown: ShownObject[] = [];
  for (const { oid, name, value } of trap.objects) {
    if (seen.has(oid) || (trap.interface_id && name?.startsWith("ifIndex."))) continue;
    seen.add(oid);
    shown.push({ oid, name: name ?? oid, value: value ?? "" });
  }
  return shown;
}
