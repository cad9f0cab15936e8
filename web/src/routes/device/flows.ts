// Flows in words: what a row is called, how sure its number is, how it was sampled. Pure.

import type { FlowDimension, FlowDirection, FlowExporter, FlowListener, FlowSampling, FlowTopItem } from "../../lib/api/shapes";
import { bytes, count, percent } from "../../lib/units";

export const DIMENSIONS: readonly { value: FlowDimension; label: string }[] = [
  { value: "application", label: "Applications" },
  { value: "host", label: "Hosts" },
  { value: "conversation", label: "Conversations" },
  { value: "as", label: "AS numbers" },
  { value: "dscp", label: "DSCP" },
];

export const DIRECTIONS: readonly { value: FlowDirection; label: string }[] = [
  { value: "ingress", label: "Received" },
  { value: "egress", label: "Sent" },
];

/** What the address asks for; the first where it asks for none that there is. */
export function choice<T extends string>(choices: readonly { value: T }[], text: string | null): T {
  return (choices.find((one) => one.value === text) ?? choices[0]!).value;
}

/** What a row is called. */
export function rowName(by: FlowDimension, { key, name }: Pick<FlowTopItem, "key" | "name">): string {
  if (by === "conversation") {
    const [from, to, application] = key.split(" ");
    return `${from} → ${to}, ${name ?? application}`;
  }
  if (by === "as") return key === "0" ? "AS not told" : `AS ${key}`;
  if (by === "dscp") return name ? `${key} (${name})` : key;
  return name ? `${name} (${key})` : key;
}

/** The selector of the series of an application of an interface, one way. */
export function seriesOf(interfaceId: string, direction: FlowDirection, application: string): string {
  const labels = { interface_id: interfaceId, direction, application };
  return `flow_octet_rate{${Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(",")}}`;
}

/** How much more there may have been; null where the number is exact. */
export function errorText(item: Pick<FlowTopItem, "octets" | "octets_error">): string | null {
  return item.octets_error === 0 ? null : `+${bytes(item.octets_error)} at most`;
}

/** How it was sampled. */
export function samplingText({ rate_min, rate_max, unstated_flows }: FlowSampling, flows: number): string {
  if (flows === 0) return "";
  const stated = rate_max > 1 ? `Sampled: one packet in ${rate_min === rate_max ? count(rate_max) : `${count(rate_min)} to ${count(rate_max)}`}; numbers are scaled up and are estimates.` : "";
  if (unstated_flows === 0) return stated || "Not sampled.";
  const share = unstated_flows >= flows ? "The exporter does" : `For ${percent(unstated_flows / flows)} of the flows the exporter does`;
  return `${stated} ${share} not say whether it samples; numbers are as it sent them.`.trim();
}

const DEFECTS: Record<string, string> = {
  unreadable: "datagrams could not be read",
  lengths: "lengths lead beyond their datagram",
  templates_bad: "templates were refused",
  templates_evicted: "templates made room for others",
  templates_changed: "templates changed under way",
  templates_withdrawn: "templates were withdrawn",
  sets_without_template: "sets of data came without their template",
  limited: "datagrams were dropped, for it sends more than it may",
  flows_lost: "flows were lost on the way",
  datagrams_lost: "datagrams were lost on the way",
  out_of_order: "datagrams came out of order",
  restarts: "times it counted anew",
  domains_evicted: "observation domains were forgotten",
  late: "flows came too late for their minute",
  interfaces_refused: "flows were of more interfaces than a minute holds",
  own_interfaces_refused: "flows were of more interfaces than a minute holds of one exporter",
  rates_refused: "sampling rates were of more samplers or interfaces than are kept",
  samples_dropped: "samples were dropped by the device itself",
};

/** What is wrong with an exporter, a sentence each. */
export function troubles({ defects, templates_waited_for }: Pick<FlowExporter, "defects" | "templates_waited_for">): string[] {
  const waited = templates_waited_for.map((it) => `waits for template ${it.template} of domain ${it.domain} (${count(it.sets)} sets unread)`);
  return [...waited, ...defects.map((it) => `${count(it.count)} ${DEFECTS[it.kind] ?? it.kind}`)];
}

const FORMATS: Record<string, string> = { netflow_v5: "NetFlow v5", netflow_v9: "NetFlow v9", ipfix: "IPFIX", sflow_v5: "sFlow v5" };

export function formatName(format: string | null | undefined): string {
  return format ? (FORMATS[format] ?? format) : "Nothing readable yet";
}

/** What to do where there are no flows. */
export function emptyText(listeners: readonly FlowListener[], exporters: readonly FlowExporter[], address: string): string {
  const listening = listeners.filter((it) => !it.error);
  if (listeners.length === 0) return "Flows are not listened for. Set listen_netflow = [\"0.0.0.0:2055\"] or listen_sflow = [\"0.0.0.0:6343\"] under [flows] in the configuration, start the server anew, and let the device export there.";
  if (listening.length === 0) return `Flows cannot be listened for: ${listeners.map((it) => it.error).join("; ")}.`;
  const where = listening.map((it) => `${it.protocol === "sflow" ? "sFlow v5" : "NetFlow v5, v9 or IPFIX"} to ${it.address}`).join(", ");
  if (exporters.length === 0) return `No flows have come from this device. Let it export ${where}, from ${address} or another of its addresses.`;
  return "No flows in this range. A minute is shown two minutes after it began.";
}
