// An invented network that moves: devices, interfaces, counters, neighbours, a run of discovery.
// Deterministic but for the clock. What the server would answer is in `server.mjs`.

let seed = 7;
const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
let ids = 0;
/** Ids in the shape of UUIDv7, in the order they were made. */
export const id = () => {
  ids += 1;
  return `01900000-0000-7000-8000-${ids.toString(16).padStart(12, "0")}`;
};
const iso = (ms) => new Date(ms).toISOString();

const SITES = ["Amsterdam", "Utrecht", "Rotterdam", "Leiden", "Frankfurt", "London"];
const MAKES = [
  ["Juniper", "MX204", "Junos", "22.4R3", "router"],
  ["Cisco", "C9300-48T", "IOS XE", "17.9.4", "switch"],
  ["Arista", "7050SX3", "EOS", "4.31.1F", "switch"],
  ["Net-SNMP", null, "Linux", "6.1.0", "server"],
];

/** Traffic of an interface in octets a second at an instant: a day's shape and some noise. */
function load(one, at) {
  const day = 0.52 + 0.34 * Math.sin((at / 3_600_000 - 9 + one.phase) * (Math.PI / 12));
  const noise = Math.sin(at / 7000 + one.phase * 9) * 0.05 + Math.sin(at / 61_000 + one.phase * 3) * 0.06;
  return Math.max(0, (day + noise) * one.top);
}

export function network({ devices: n, intervalSecs }) {
  const devices = [];
  const interfaces = [];
  const series = [];
  const born = Date.now();
  for (let i = 0; i < n; i += 1) {
    const [vendor, model, os, os_version, kind] = MAKES[i % MAKES.length];
    const site = SITES[Math.floor(random() * SITES.length)];
    const roll = random();
    const status = i === 3 ? "down" : i === 9 ? "degraded" : n > 100 && roll < 0.02 ? "down" : n > 100 && roll < 0.03 ? "degraded" : i === 12 ? "unknown" : "up";
    const device = {
      id: id(),
      name: `${site.slice(0, 3).toLowerCase()}-${kind === "router" ? "core" : kind === "switch" ? "acc" : "srv"}-${i + 1}`,
      address: `192.0.2.${(i % 250) + 1}`,
      port: 161,
      vantage: "local",
      vendor,
      model,
      os,
      os_version,
      serial: `JN${(1000 + i).toString(36).toUpperCase()}X7`,
      kind,
      location: `${site}, row ${i % 7}`,
      site,
      tags: i % 5 === 0 ? ["core", "edge"] : [],
      status,
      status_since: iso(born - Math.floor(random() * 3e8) - 60_000),
      status_evidence: evidence(status, born, intervalSecs),
      credential_id: null,
      interval_secs: intervalSecs,
      maintenance: i === 6,
      last_seen_at: iso(born),
      identity_conflict: null,
      created_at: iso(born - 9e8),
      revision: 1,
    };
    devices.push(device);
    const ports = n > 100 ? 2 : i === 0 ? 26 : 8;
    for (let p = 0; p < ports; p += 1) addInterface(device, p);
    for (const [metric, unit, kindOf, labels] of [
      ["sysUpTime", "seconds", "gauge", {}],
      ["icmp_rtt", "seconds", "gauge", {}],
      ["icmp_loss", "ratio", "gauge", {}],
      ["processor_utilization", "ratio", "gauge", { processor: "0" }],
      ["processor_utilization", "ratio", "gauge", { processor: "1" }],
      ["memory_used", "octets", "gauge", { memory: "Physical memory" }],
      ["memory_size", "octets", "gauge", { memory: "Physical memory" }],
    ]) {
      addSeries(device, metric, unit, kindOf, labels);
    }
  }

  function addInterface(device, p) {
    const speed_bps = p < 2 ? 10e9 : 1e9;
    const shut = p === 7;
    const down = p === 5 && device.status !== "up";
    const one = {
      id: id(),
      device_id: device.id,
      index: p + 1,
      name: p < 2 ? `te0/0/${p}` : `ge0/1/${p}`,
      description: `Ethernet ${p}`,
      alias: p === 0 ? "to ams-core-2, leased line 4711" : p === 3 ? "servers" : null,
      kind: "ethernetCsmacd",
      speed_bps,
      mac: `02:00:00:00:${(interfaces.length >> 8).toString(16).padStart(2, "0")}:${(interfaces.length & 255).toString(16).padStart(2, "0")}`,
      admin_status: shut ? "down" : "up",
      oper_status: shut || down ? "down" : "up",
      in_bps: null,
      out_bps: null,
      in_utilization: null,
      out_utilization: null,
      last_change_at: iso(born - Math.floor(random() * 1e9)),
    };
    interfaces.push(one);
    const top = ((speed_bps / 8) * (p === 0 ? 0.85 : 0.35)) * (0.2 + random() * 0.8);
    for (const [metric, unit, kind] of [
      ["ifHCInOctets", "octets", "counter"],
      ["ifHCOutOctets", "octets", "counter"],
      ["ifInErrors", "packets", "counter"],
      ["ifOutErrors", "packets", "counter"],
      ["ifInDiscards", "packets", "counter"],
      ["ifOutDiscards", "packets", "counter"],
      ["ifOperStatus", "", "state"],
    ]) {
      addSeries(device, metric, unit, kind, { interface_id: one.id, interface: one.name }, {
        one,
        dead: shut || down,
        top: metric.endsWith("Octets") ? top * (metric.includes("Out") ? 0.6 : 1) : p === 1 ? 0.6 : 0.02,
        phase: random() * 5,
      });
    }
  }

  function addSeries(device, metric, unit, kind, labels, source = { phase: random() * 5 }) {
    series.push({ id: id(), metric, unit, kind, labels: { ...labels, device_id: device.id, vantage: "local" }, source, counter: Math.floor(random() * 1e12), device });
  }

  const neighbors = [];
  const links = [];
  const few = devices.slice(0, 14);
  few.forEach((device, i) => {
    const other = few[(i + 1) % few.length];
    const port = interfaces.find((x) => x.device_id === device.id);
    const far = interfaces.filter((x) => x.device_id === other.id)[1];
    neighbors.push({
      device_id: device.id, interface_id: port.id, local_interface: port.name, protocol: i % 4 === 1 ? "cdp" : "lldp",
      remote_name: other.name, remote_port: far.name, remote_platform: `${other.vendor} ${other.os} ${other.os_version}`, remote_address: other.address,
      remote_chassis_id: far.mac, remote_device_id: other.id, remote_interface_id: far.id, first_seen_at: iso(born - 1e8), last_seen_at: iso(born),
    });
    links.push({
      id: id(), a: { device_id: device.id, interface_id: port.id }, b: { device_id: other.id, interface_id: far.id }, status: i === 3 ? "down" : "up",
      confidence: i % 3 ? 1 : 0.8, evidence: [{ reported_by: device.id, protocol: "lldp", seen_at: iso(born), detail: `${device.name} hears ${other.name} ${far.name} on ${port.name} (LLDP)` }],
      speed_bps: 10e9, first_seen_at: iso(born - 1e8), last_seen_at: iso(born),
    });
  });
  neighbors.push({
    device_id: few[0].id, interface_id: null, local_interface: "ge0/1/4", protocol: "lldp", remote_name: "phone-204", remote_port: "eth0", remote_platform: null,
    remote_address: null, remote_chassis_id: "02:aa:00:00:00:01", remote_device_id: null, remote_interface_id: null, first_seen_at: iso(born - 1e7), last_seen_at: iso(born),
  });

  return { devices, interfaces, series, neighbors, links, born };
}

export function evidence(status, now, intervalSecs) {
  const at = iso(now);
  const icmp = { check: "icmp", outcome: "skipped", at, detail: "ICMP is not permitted here: net.ipv4.ping_group_range leaves this group out." };
  if (status === "unknown") return [];
  if (status === "down") return [{ check: "snmp", outcome: "silent", at, detail: `No answer to 3 requests, for ${2 * intervalSecs} s.` }, icmp];
  if (status === "degraded") return [{ check: "snmp", outcome: "partial", at, detail: "IF-MIB answered, HOST-RESOURCES-MIB did not within the deadline." }, icmp];
  return [{ check: "snmp", outcome: "answered", at, detail: "Every question was answered in 12 ms." }, icmp];
}

/** The value of a gauge, or the rate of a counter, at an instant; null where nothing is known. */
export function valueAt(one, at, born) {
  // A gap, to see that a gap is shown.
  if (at > born - 1_500_000 && at < born - 1_200_000) return null;
  if (at < born - 40 * 86_400_000) return null;
  const wave = Math.sin(at / 50_000 + one.source.phase);
  switch (one.metric) {
    case "ifHCInOctets":
    case "ifHCOutOctets":
      return one.source.dead ? 0 : load(one.source, at);
    case "ifInErrors":
    case "ifOutErrors":
    case "ifInDiscards":
    case "ifOutDiscards":
      return Math.max(0, wave * one.source.top);
    case "ifOperStatus":
      return one.source.dead ? 2 : 1;
    case "sysUpTime":
      return (at - born + 8e8) / 1000;
    case "icmp_rtt":
      return 0.004 + 0.001 * wave;
    case "icmp_loss":
      return 0;
    case "processor_utilization":
      return 0.3 + 0.12 * wave;
    case "memory_used":
      return 4.1e9 + 2e8 * wave;
    default:
      return 8.3e9;
  }
}
