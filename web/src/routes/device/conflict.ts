// Another device at a device's address, in words. Pure.

import type { IdentityConflict } from "../../lib/api/shapes";

/** What the other says of itself, the telling first: "r2, Acme X100, serial number B2". */
export function metInWords({ met }: Pick<IdentityConflict, "met">): string {
  const hardware = [met.vendor, met.model].filter(Boolean).join(" ");
  const parts = [met.name, hardware, met.serial && `serial number ${met.serial}`].filter(Boolean);
  if (parts.length > 0) return parts.join(", ");
  if (met.engine_id) return `SNMP engine id ${met.engine_id}`;
  return "a device that says little of itself";
}
