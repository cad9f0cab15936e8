// What the stand-in server tells of flows: invented applications and hosts, of the first device alone.

const KEYS = {
  application: [["tcp/443", "https"], ["udp/53", "domain"], ["tcp/22", "ssh"], ["udp/123", "ntp"], ["tcp/25", "smtp"], ["tcp/993", "imaps"], ["udp/4500", "ipsec-nat-t"], ["tcp/873", "rsync"]],
  host: [["192.0.2.10", null], ["198.51.100.7", null], ["2001:db8::7", null]],
  conversation: [["192.0.2.10 198.51.100.7 tcp/443", "https"]],
  as: [["0", null], ["64500", null]],
  dscp: [["0", "CS0"], ["46", "EF"]],
};
const STEP_MS = 60_000;
/** How long it takes until a minute is kept. */
const LATE_MS = 120_000;

/** Series of the largest, and of all. */
export function series(device, query, now) {
  const [by, from, to] = [query.get("by"), query.get("from"), query.get("to")];
  const first = Math.ceil(Date.parse(from) / STEP_MS) * STEP_MS;
  const steps = Math.max(0, Math.ceil((Date.parse(to) - first) / STEP_MS));
  const keys = device ? KEYS[by].slice(0, Number(query.get("limit"))) : [];
  const factor = (query.get("interface_id") ? 1 : 2) * (query.get("direction") === "egress" ? 1 : 3);
  const points = (bps) => Array.from({ length: steps }, (_, i) => first + i * STEP_MS).map((at) => [at, at + LATE_MS <= now ? bps : null]);
  const rates = keys.map((_, i) => (8e6 * factor) / (i + 1));
  const total = rates.reduce((sum, bps) => sum + bps, 0);
  const octets = (bps) => Math.round((bps / 8) * 60 * steps);
  return {
    device_id: query.get("device_id"),
    interface_id: query.get("interface_id"),
    direction: query.get("direction"),
    by,
    from,
    to,
    total: { octets: octets(total), packets: Math.round(octets(total) / 900), flows: 1200 * keys.length },
    sampling: { rate_min: 100, rate_max: 100, unstated_flows: 0 },
    absent: { octets: 0, packets: 0 },
    records: steps,
    cut_before: null,
    step_secs: STEP_MS / 1000,
    total_points: points(total),
    items: keys.map(([key, name], i) => ({ key, name, device_id: null, octets: octets(rates[i]), packets: Math.round(octets(rates[i]) / 900), octets_error: i * 1000, packets_error: i, bps: rates[i], share: rates[i] / total, points: points(rates[i]) })),
  };
}

/** The first two interfaces, both ways. */
export function interfaces(device, all, query) {
  const items = all.slice(0, 2).flatMap((one) => ["ingress", "egress"].map((direction) => ({ interface_id: one.id, if_index: one.index, name: one.name, direction, total: { octets: 6e8, packets: 7e5, flows: 4800 }, sampling: { rate_min: 100, rate_max: 100, unstated_flows: 0 }, bps: 8e6 })));
  return { device_id: query.get("device_id"), from: query.get("from"), to: query.get("to"), items: device ? items : [], cut_before: null };
}

/** The device itself. */
export function exporters(device, now) {
  if (!device) return [];
  const heard = { first_heard_at: new Date(now - 86_400_000).toISOString(), last_heard_at: new Date(now - 4000).toISOString() };
  return [{ address: device.address, device_id: device.id, format: "ipfix", ...heard, datagrams: 91_000, flows: 1_230_000, unstated_flows: 0, sampling_rate: 100, templates: 3, templates_waited_for: [], defects: [{ kind: "own_interfaces_refused", count: 12 }] }];
}

export const listeners = () => [{ protocol: "netflow", address: "0.0.0.0:2055", error: null }];

/** The series of an application that a selector means: those of the largest, with the samples of their interface. */
export function applicationSeries(match, all) {
  const labels = Object.fromEntries([...match.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));
  if (labels.application === "tcp/873") return [];
  return all.filter((one) => one.metric === "ifHCInOctets" && one.labels.interface_id === labels.interface_id).map((one) => ({ ...one, metric: "flow_octet_rate", unit: "octets_per_second", kind: "gauge", labels: { ...one.labels, ...labels } }));
}
