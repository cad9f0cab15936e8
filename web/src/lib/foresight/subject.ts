// What a series is called, where it is shown, and how its values are written. Pure.

import { bps, measured } from "../units";

export interface Subject {
  metric: string;
  unit: string;
  labels: Record<string, string>;
  device_id: string;
  device_name: string;
  interface_id?: string | null;
  interface_name?: string | null;
  /** Of an application: what IANA calls it. */
  application_name?: string | null;
}

const NAMES: Record<string, string> = {
  ifHCInOctets: "traffic in",
  ifInOctets: "traffic in",
  ifHCOutOctets: "traffic out",
  ifOutOctets: "traffic out",
  processor_utilization: "processor",
  memory_used: "memory",
  storage_used: "storage",
  icmp_rtt: "round trip",
  flow_talker_share: "share of one host",
  flow_octet_rate: "traffic by application",
};

/** What is measured, as people call it. */
export function metricName(metric: string): string {
  return NAMES[metric] ?? metric;
}

/** `core1 eth0, traffic in`, `srv3 /var, storage`. */
export function called(of: Subject): string {
  const part = of.interface_name ?? Object.entries(of.labels).find(([name]) => name !== "interface_id")?.[1];
  const application = of.labels.application && (of.application_name ? `${of.application_name} (${of.labels.application})` : of.labels.application);
  if (application) return `${of.device_name} ${of.interface_name ?? (of.labels.if_index === "0" ? "" : `ifIndex ${of.labels.if_index}`)}`.trimEnd() + `, ${application} ${of.labels.direction === "egress" ? "sent" : "received"}`;
  return `${of.device_name}${part ? ` ${part}` : ""}, ${metricName(of.metric)}`;
}

/** Where its chart is. */
export function chartOf(of: Pick<Subject, "device_id" | "interface_id">, range = "30d"): string {
  return `/devices/${of.device_id}?range=${range}&ahead=same${of.interface_id ? `&if=${of.interface_id}` : ""}`;
}

/** A value in the unit of its series; octets a second as bits, as links are sold. */
export function valued(value: number | null | undefined, unit: string): string {
  if (unit === "octets/s" || unit === "octets_per_second") return bps(value == null ? value : value * 8);
  return measured(value, unit);
}
