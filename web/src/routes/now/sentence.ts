// The sentence that says how things are. Pure.

import type { Health, StateCounts } from "../../lib/api/shapes";
import { count, plural } from "../../lib/units";

export function total(counts: StateCounts): number {
  return counts.up + counts.degraded + counts.down + counts.unknown + counts.maintenance;
}

/** How things are, the worst first. */
export function sentence({ devices, links, checks }: Health): string {
  const all = total(devices);
  if (all === 0) return "Nothing is watched yet.";
  const parts: string[] = [];
  if (devices.down > 0) parts.push(`${plural(devices.down, "device")} ${verb(devices.down)} down`);
  if (devices.degraded > 0) {
    const who = parts.length > 0 ? count(devices.degraded) : plural(devices.degraded, "device");
    parts.push(`${who} ${verb(devices.degraded)} degraded`);
  }
  if (links.down > 0) parts.push(`${plural(links.down, "link")} ${verb(links.down)} down`);
  if (checks !== undefined && checks.down > 0) parts.push(`${plural(checks.down, "check")} of services ${verb(checks.down)} down`);
  if (parts.length > 0) return `${parts.join(", ")}.`;
  if (devices.up === 0) return devices.maintenance === all ? "Everything is in maintenance." : "It is not known yet how things are.";
  return devices.unknown > 0 ? "All that is known is well." : "All is well.";
}

function verb(n: number): string {
  return n === 1 ? "is" : "are";
}

/** The figures beside the sentence. */
export function figures({ devices, interfaces, links, checks }: Health): string {
  const parts = [`${count(devices.up)} of ${plural(total(devices), "device")} well`];
  if (total(interfaces) > 0) parts.push(plural(total(interfaces), "interface"));
  if (total(links) > 0) parts.push(plural(total(links), "link"));
  if (checks !== undefined && total(checks) > 0) parts.push(plural(total(checks), "check"));
  return parts.join(" · ");
}
