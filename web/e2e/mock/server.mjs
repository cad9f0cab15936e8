// A stand-in for the server, for quick browser tests: the page's files, the routes that the page
// uses, and the stream. Not for anything else; it checks little and keeps everything in memory.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { WebSocketServer } from "ws";
import { foresight, FORESIGHT_QUERIES } from "./foresight.mjs";
import * as flows from "./flows.mjs";
import { logs } from "./logs.mjs";
import { evidence, id, network, valueAt } from "./network.mjs";
import { schedules, setMaintenance } from "./operate.mjs";
import { availability, healthHistory, intervals, top } from "./past.mjs";
import { PERMISSIONS, storage } from "./storage.mjs";
import { work } from "./work.mjs";
import { workbench } from "./workbench.mjs";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const SORT_KEYS = { status: (d) => ["down", "degraded", "unknown", "up"].indexOf(d.status) };
/** What each list takes; the server refuses the rest. */
const PAGING = ["limit", "cursor"];
const QUERIES = {
  ...FORESIGHT_QUERIES,
  "GET /devices": [...PAGING, "sort", "status", "site", "tag", "vendor", "kind", "q"],
  "GET /interfaces": [...PAGING, "sort", "device_id", "oper_status", "q", "absent"],
  "GET /links": [...PAGING, "sort", "device_id", "status"],
  "GET /links/:id": [...PAGING, "device_id"],
  "GET /series": [...PAGING, "device_id", "interface_id", "metric", "match"],
  "GET /series/:id": ["limit"],
  "GET /metric-types": [...PAGING, "sort", "own"],
  "GET /audit": [...PAGING, "action", "who", "from", "to"],
  "GET /archive/:id": [...PAGING, "sort"],
  "GET /jobs": [...PAGING, "sort", "kind", "state"],
  "GET /logs": [...PAGING, "device_id", "from", "to", "q", "severity", "source"],
  "GET /flows/:id": [...PAGING, "device_id", "interface_id", "direction", "by", "from", "to"],
  "GET /health/:id": ["from", "to", "step_secs"],
  "GET /top": ["by", "of", "statistic", "from", "to", "limit", "site", "tag", "points"],
  "GET /devices/:id/availability": ["from", "to"],
  "GET /interfaces/:id/availability": ["from", "to"],
  "GET /devices/:id/status-history": [...PAGING, "from", "to", "sort"],
  "GET /interfaces/:id/status-history": [...PAGING, "from", "to", "sort"],
  "GET /discovery-schedules": [...PAGING, "sort", "enabled"],
  "GET /discovery-rules": [...PAGING, "sort", "enabled"],
  "GET /checks": [...PAGING, "sort", "device_id", "status", "enabled"],
  "GET /candidates": [...PAGING, "sort", "how", "ignored"],
  "GET /profiles": [...PAGING, "sort", "q"],
  "GET /mibs": [...PAGING, "sort", "q"],
  "GET /mibs/:id/objects": [...PAGING, "sort", "q"],
  "GET /devices/:id/bandwidth": ["from", "to", "step_secs"],
  "GET /interfaces/:id/bandwidth": ["from", "to", "step_secs"],
};
/** The content security policy that the real server is to send. */
const CSP = "default-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

export async function startMock({ dist, devices = 40, intervalSecs = 2, port = 0, empty = false }) {
  const net = network({ devices, intervalSecs });
  if (empty) for (const list of [net.devices, net.interfaces, net.series, net.neighbors, net.links]) list.length = 0;
  const state = { session: null, credentials: [], discoveries: [], results: new Map(), requests: [] };
  const seriesById = new Map(net.series.map((s) => [s.id, s]));
  const byDevice = groupBy(net.series, (s) => s.device.id);
  const interfaceById = new Map(net.interfaces.map((i) => [i.id, i]));
  const interfacesOf = groupBy(net.interfaces, (i) => i.device_id);

  for (const one of net.interfaces) rates(one, Date.now());

  const planned = schedules(id, (request) => discover(request));
  const bench = workbench();
  const ahead = foresight(net);
  const kept = work(id, state, storage(id, net, state));
  const now = () => new Date().toISOString();
  const clients = new Set();
  function tell(topic, event, data, at = now()) {
    for (const client of clients) {
      for (const sub of client.subs.values()) {
        if (sub.topic !== topic) continue;
        if (sub.series) {
          const samples = (data.samples ?? []).filter((sample) => sub.series.has(sample.series_id));
          if (samples.length > 0) client.send({ type: "event", seq: (client.seq += 1), topic, event, at, data: { ...data, samples } });
          continue;
        }
        if (sub.device_ids && data.device_id && !sub.device_ids.includes(data.device_id)) continue;
        client.send({ type: "event", seq: (client.seq += 1), topic, event, at, data });
        break;
      }
    }
  }

  function rates(one, at) {
    const of = (metric) => byDevice.get(one.device_id).find((s) => s.labels.interface_id === one.id && s.metric === metric);
    one.in_bps = valueAt(of("ifHCInOctets"), at, net.born) * 8;
    one.out_bps = valueAt(of("ifHCOutOctets"), at, net.born) * 8;
    one.in_utilization = one.in_bps / one.speed_bps;
    one.out_utilization = one.out_bps / one.speed_bps;
  }

  const server = createServer(async (request, response) => {
    const url = new URL(request.url, "http://mock");
    const send = (status, body, headers = {}) => {
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(body === undefined ? "" : JSON.stringify(body));
    };
    const problem = (status, title, detail, errors = []) => send(status, { type: "about:blank", title, status, detail, instance: url.pathname, request_id: "mock", errors });
    try {
      if (!url.pathname.startsWith("/api/v1/")) return await file(url.pathname, response);
      let text = "";
      for await (const chunk of request) text += chunk;
      const octets = request.headers["content-type"] === "application/octet-stream";
      const body = octets ? text : text === "" ? undefined : JSON.parse(text);
      const path = url.pathname.slice("/api/v1".length);
      state.requests.push(`${request.method} ${path}`);
      if (path === "/auth/session" && request.method === "POST") {
        if (body.password !== "correct horse") return problem(401, "The name or the password is wrong", "The name or the password is wrong.");
        state.session = body.username;
        return send(204, undefined, { "set-cookie": "session=1; HttpOnly; SameSite=Strict; Path=/" });
      }
      if (!request.headers.cookie?.includes("session=1") || !state.session) return problem(401, "Sign in first", "Nobody is signed in.");
      return route(request.method, path, url.searchParams, body, request, { send, problem });
    } catch (error) {
      problem(500, "Something failed here", String(error));
    }
  });

  async function file(path, response) {
    const wanted = normalize(path).replace(/^\/+/, "");
    for (const candidate of [wanted, "index.html"]) {
      try {
        const bytes = await readFile(join(dist, candidate));
        response.writeHead(200, { "content-type": TYPES[extname(candidate)] ?? "application/octet-stream", "content-security-policy": CSP });
        return response.end(bytes);
      } catch {
        // The next one: the page's own routes are all index.html.
      }
    }
    response.writeHead(404);
    response.end();
  }

  function page(rows, query, answer) {
    const limit = Number(query.get("limit") ?? 100);
    const from = Number(query.get("cursor") ?? 0);
    answer.send(200, { items: rows.slice(from, from + limit), next_cursor: from + limit < rows.length ? String(from + limit) : null });
  }

  function route(method, path, query, body, request, answer) {
    const { send, problem } = answer;
    const [, first, second, third] = path.split("/");
    const device = first === "devices" && second ? net.devices.find((d) => d.id === second) : undefined;
    if (first === "devices" && second && !device) return problem(404, "There is no such thing", "There is no such device.");
    const key = `${method} /${first}${second ? "/:id" : ""}${third ? `/${third}` : ""}`;
    const unknown = method === "GET" && [...query.keys()].find((name) => !(QUERIES[key] ?? PAGING).includes(name));
    if (unknown) return problem(400, "A query parameter is wrong", `There is no parameter ${unknown}.`, [{ pointer: `?${unknown}`, detail: "it is unknown" }]);
    if (bench(key, { name: second && decodeURIComponent(second), query, body, request, page: (rows) => page(rows, query, answer), ...answer }) !== false) return;
    const paged = { ...answer, page: (rows) => page(rows, query, answer) };
    // What the storage answers of selectors knows nothing of applications.
    if (key === "GET /series" && query.get("match")?.startsWith("flow_octet_rate{")) return page(flows.applicationSeries(query.get("match"), net.series.map(shown)), query, answer);
    if (kept.route(method, path, query, body, request, paged) !== false || kept.work(method, path, query, body, request, paged) !== false) return;
    if (ahead.route(key, { id: second && decodeURIComponent(second), query, body, ...paged }) !== false) return;
    switch (key) {
      case "GET /auth/:id":
        return send(200, { username: state.session, role: kept.viewer ? "viewer" : "admin", permissions: PERMISSIONS.filter((one) => !kept.viewer || /^(read|own)_/.test(one)) });
      case "DELETE /auth/:id":
        state.session = null;
        return send(204);
      case "GET /devices": {
        const sort = query.get("sort") ?? "name";
        const field = sort.replace("-", "");
        const value = SORT_KEYS[field] ?? ((d) => d[field] ?? "");
        const q = (query.get("q") ?? "").toLowerCase();
        const rows = net.devices
          .filter((d) => !query.get("status") || query.get("status").split(",").includes(d.status))
          .filter((d) => !query.get("site") || d.site === query.get("site"))
          .filter((d) => !query.get("tag") || d.tags.includes(query.get("tag")))
          .filter((d) => [d.name, d.address, d.site, d.vendor, ...d.tags].some((t) => t?.toLowerCase().includes(q)))
          .sort((a, b) => (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0) * (sort.startsWith("-") ? -1 : 1));
        return page(rows, query, answer);
      }
      case "POST /devices": {
        if (!/^[0-9a-f.:]+$/i.test(body.address)) return problem(422, "Fields of the request are wrong", "Fields are wrong.", [{ pointer: "/address", detail: "it is not an address" }]);
        const made = { vantage: "local", status: "unknown", status_evidence: [], tags: [], maintenance: false, revision: 1, interval_secs: 60, port: 161, created_at: now(), ...Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null)), id: id(), name: body.name ?? body.address };
        net.devices.push(made);
        tell("devices", "device_changed", { device_id: made.id });
        return send(201, made);
      }
      case "GET /devices/:id":
        return send(200, device);
      case "PATCH /devices/:id":
        if (request.headers["if-match"] !== `"${device.revision}"`) return problem(412, "It was changed meanwhile", "It was changed meanwhile.");
        Object.assign(device, body, { revision: device.revision + 1 });
        tell("devices", "device_changed", { device_id: device.id });
        return send(200, device);
      case "DELETE /devices/:id":
        net.devices.splice(net.devices.indexOf(device), 1);
        tell("devices", "device_deleted", { device_id: device.id });
        return send(204);
      case "POST /devices/:id/identity":
        if (!device.identity_conflict) return problem(409, "The present state does not allow this", "No other device answers there.");
        if (request.headers["if-match"] !== `"${device.revision}"`) return problem(412, "It was changed meanwhile", "It was changed meanwhile.");
        Object.assign(device, { name: device.identity_conflict.met.name, identity_conflict: null, revision: device.revision + 1 });
        tell("devices", "device_changed", { device_id: device.id });
        return send(200, device);
      case "POST /devices/:id/poll":
        return send(202);
      case "GET /devices/:id/interfaces":
        return page(net.interfaces.filter((i) => i.device_id === device.id), query, answer);
      case "GET /interfaces": {
        const recent = query.get("sort") === "-last_change_at";
        return page(recent ? [...net.interfaces].sort((a, b) => (a.last_change_at < b.last_change_at ? 1 : -1)) : net.interfaces, query, answer);
      }
      case "GET /devices/:id/availability":
      case "GET /devices/:id/status-history":
      case "GET /interfaces/:id/availability":
      case "GET /interfaces/:id/status-history": {
        const [from, to] = [Date.parse(query.get("from")), Date.parse(query.get("to"))];
        const port = interfaceById.get(second);
        const n = device ? net.devices.indexOf(device) : (port?.index ?? 0);
        const thing = device ?? { status: port?.oper_status, maintenance: false, shut: port?.admin_status === "down" };
        if (third === "availability") return send(200, { ...availability(n, thing, from, to, Date.now()), name: device?.name ?? port?.name });
        const extra = (status) => (device ? { evidence: evidence(status, Date.now(), intervalSecs) } : { oper_status: status === "down" ? "down" : "up", admin_status: "up" });
        return page(intervals(n, thing, from, to, Date.now(), extra), query, answer);
      }
      case "GET /logs":
        return page(logs(net, query, Date.now()), query, answer);
      case "GET /flows/:id": {
        const [device_id, interface_id] = [query.get("device_id"), query.get("interface_id")];
        const exports = [device_id, interfaceById.get(interface_id)?.device_id].includes(net.devices[0].id) ? net.devices[0] : undefined;
        if (second === "series") return send(200, flows.series(exports, query, Date.now()));
        if (second === "interfaces") return send(200, flows.interfaces(exports, interfacesOf.get(device_id) ?? [], query));
        return page(second === "exporters" ? flows.exporters(exports, Date.now()) : flows.listeners(), query, answer);
      }
      case "GET /health/:id":
        return send(200, healthHistory(Date.parse(query.get("from")), Date.parse(query.get("to")), net.devices.length));
      case "GET /top":
        return send(200, top(net, query, valueAt, Date.now()));
      case "POST /maintenance":
        return setMaintenance(net, body, answer, (d) => {
          tell("devices", "device_changed", { device_id: d.id });
          tell("status", "device_maintenance", { device_id: d.id, maintenance: d.maintenance, maintenance_since: d.maintenance_since, maintenance_until: d.maintenance_until, maintenance_reason: d.maintenance_reason, at: now() });
        });
      case "GET /checks":
      case "GET /discovery-rules":
      case "GET /candidates":
        return page([], query, answer);
      case "GET /discovery-schedules":
        return page(planned.all, query, answer);
      case "POST /discovery-schedules":
        return planned.create(body, answer);
      case "PATCH /discovery-schedules/:id":
        return planned.change(second, body, answer);
      case "DELETE /discovery-schedules/:id":
        return planned.remove(second, answer);
      case "POST /discovery-schedules/:id/run":
        return planned.run(second, answer);
      case "GET /devices/:id/neighbors":
        return page(net.neighbors.filter((n) => n.device_id === device.id), query, answer);
      case "GET /devices/:id/processors":
        return page([{ name: "CPU 0", utilization_percent: 31 }, { name: "CPU 1", utilization_percent: 91 }], query, answer);
      case "GET /devices/:id/memory":
        return page([{ name: "Physical memory", used_bytes: 4.1e9, total_bytes: 8.3e9, used_percent: 49.4 }], query, answer);
      case "GET /devices/:id/storage":
        return page([{ name: "/", used_bytes: 91e9, total_bytes: 110e9, used_percent: 82.7 }, { name: "/boot", total_bytes: 5e8 }], query, answer);
      case "GET /devices/:id/sensors":
        return page([
          { name: "PSU 1 inlet", kind: "temperature", value: 31.5, unit: "°C", group: "other" },
          { name: "PSU 1 inlet", kind: "temperature", value: 33.1, unit: "°C", group: "other" },
          { name: "te0/0/0 receive power", kind: "dbm", value: -6.21, unit: "dBm", interface: "te0/0/0", group: "optics" },
          { name: "Fan tray 1", kind: "fanspeed", value: 4200, unit: "rpm", group: "other" },
          { name: "Door", kind: "state", value: 1, group: "other" },
        ], query, answer);
      case "GET /devices/:id/wireless":
        return page([
          { kind: "access_point", name: "lobby", state: "associated", model: "AP-2802I", serial: "FCW2133N0AA" },
          { kind: "radio", name: "lobby slot 1", access_point: "lobby", state: "up", channel: 36, transmit_power_dbm: 17, noise_dbm: -92, clients: 12, utilization_percent: 37 },
          { kind: "network", name: "guests", clients: 41 },
        ], query, answer);
      case "GET /devices/:id/inventory":
        return page([
          { index: 1, contained_in: 0, class: "chassis", name: "Chassis", description: "Modular chassis", model: device.model, serial: device.serial },
          { index: 20, contained_in: 1, class: "module", name: "FPC 0", model: "MPC-10E", serial: "CAMX0041", hardware_revision: "REV 32", firmware_revision: "1.4" },
          { index: 21, contained_in: 20, class: "port", name: "te0/0/0", description: "SFP+-10G-LR", model: "SFP+-10G-LR", serial: "AGP0C2" },
          { index: 30, contained_in: 1, class: "powerSupply", name: "PSU 1", model: "PWR-650-AC", serial: "QCS1821" },
        ], query, answer);
      case "GET /devices/:id/addresses":
        return page([{ address: device.address, prefix_len: 24, interface: "te0/0/0" }, { address: "2001:db8::1", prefix_len: 64, interface: "te0/0/1" }, { address: "127.0.0.1", prefix_len: 8 }], query, answer);
      case "GET /devices/:id/routing-neighbors":
        return page([{ protocol: "bgp", remote_address: "192.0.2.1", remote_id: "10.255.0.1", remote_as: 64500, state: "established", established_seconds: 86400 }], query, answer);
      case "GET /devices/:id/default-routes":
        return page([{ destination: "0.0.0.0/0", next_hop: "192.0.2.1", metric: 10, protocol: "ospf", interface: "te0/0/0" }], query, answer);
      case "GET /devices/:id/arp":
        return page([{ address: "192.0.2.7", mac: "02:00:00:00:00:07", interface: "vlan10" }], query, answer);
      case "GET /devices/:id/vlans":
        // The first has none.
        return page(device === net.devices[0] ? [] : [{ id: 1, name: "default" }, { id: 10, name: "office", untagged: ["te0/0/1", "te0/0/2"], tagged: ["te0/0/0"] }, { id: 20, name: "guests", untagged: [], tagged: ["te0/0/0"] }], query, answer);
      case "GET /neighbors":
        return page(net.neighbors, query, answer);
      case "GET /links":
        return page(net.links.filter((l) => !query.get("status") || l.status === query.get("status")), query, answer);
      case "GET /links/:id":
        // Of these only the loads are asked for.
        return page(net.links.map(loadOfLink), query, answer);
      case "GET /series": {
        const rows = query.get("device_id") ? (byDevice.get(query.get("device_id")) ?? []) : net.series;
        return page(rows.filter((one) => !query.get("metric") || one.metric === query.get("metric")).map(shown), query, answer);
      }
      case "POST /samples/:id": {
        if (body.series_ids.length < 1 || body.series_ids.length > 100) return problem(422, "Fields of the request are wrong", "1 to 100 series are taken", [{ pointer: "/series_ids", detail: "1 to 100 series are taken" }]);
        return send(200, { items: body.series_ids.map((one) => ({ series: shown(seriesById.get(one)), from: body.from, to: body.to, step_secs: body.step_secs, level: "raw", points: points([seriesById.get(one)], body, 1) })) });
      }
      case "GET /devices/:id/bandwidth":
      case "GET /interfaces/:id/bandwidth": {
        const range = { from: query.get("from"), to: query.get("to"), step_secs: Number(query.get("step_secs")) };
        const mine = first === "devices" ? (byDevice.get(second) ?? []) : net.series.filter((s) => s.labels.interface_id === second);
        const of = (metric) => points(mine.filter((s) => s.metric === metric), range, 8);
        const total = (name) => (interfacesOf.get(second) ?? net.interfaces.filter((i) => i.id === second)).reduce((sum, i) => sum + i[name], 0);
        return send(200, { ...range, now: { in_bps: total("in_bps"), out_bps: total("out_bps") }, in_bps: of("ifHCInOctets"), out_bps: of("ifHCOutOctets") });
      }
      case "GET /health": {
        const devices = { up: 0, degraded: 0, down: 0, unknown: 0, maintenance: 0 };
        for (const d of net.devices) devices[d.maintenance ? "maintenance" : d.status] += 1;
        const interfaces = { up: 0, degraded: 0, down: 0, unknown: 0, maintenance: 0 };
        for (const i of net.interfaces) interfaces[i.admin_status === "down" ? "maintenance" : i.oper_status] += 1;
        const down = net.links.filter((l) => l.status === "down").length;
        const links = { up: net.links.length - down, degraded: 0, down, unknown: 0, maintenance: 0 };
        const checks = { up: 0, degraded: 0, down: 0, unknown: 0, maintenance: 0 };
        return send(200, { score: net.devices.length === 0 ? null : 0.941, devices, interfaces, links, checks });
      }
      case "GET /system/:id":
        return send(200, { items: [{ code: "icmp_not_permitted", message: "ICMP is not permitted here: net.ipv4.ping_group_range leaves this group out. Status rests on SNMP.", since: new Date(net.born).toISOString() }, ...kept.notices], next_cursor: null });
      case "GET /credentials":
        return page(state.credentials, query, answer);
      case "POST /credentials": {
        if (body.kind !== "snmp_v3" && !body.community) return problem(422, "Fields of the request are wrong", "Fields are wrong.", [{ pointer: "/community", detail: "it is needed" }]);
        const { community, auth_passphrase, privacy_passphrase, ...open } = body;
        const made = { ...open, id: id(), created_at: now(), devices: 0, revision: 1 };
        state.credentials.push(made);
        return send(201, made);
      }
      case "DELETE /credentials/:id":
        state.credentials = state.credentials.filter((c) => c.id !== second);
        return send(204);
      case "GET /discoveries":
        return page([...state.discoveries].reverse(), query, answer);
      case "POST /discoveries": {
        const bad = body.targets.findIndex((t) => !/^[0-9a-f.:/\[\]-]+$/i.test(t));
        if (bad >= 0) return problem(422, "Fields of the request are wrong", "A target cannot be read.", [{ pointer: `/targets/${bad}`, detail: "it is no network, range or address" }]);
        return send(202, discover(body));
      }
      case "GET /discoveries/:id":
        return send(200, state.discoveries.find((d) => d.id === second));
      case "DELETE /discoveries/:id":
        Object.assign(state.discoveries.find((d) => d.id === second), { phase: "cancelled", ended_at: now() });
        return send(204);
      case "GET /discoveries/:id/results":
        return page(state.results.get(second) ?? [], query, answer);
      default:
        return problem(404, "There is no such thing", `The mock has no ${key}.`);
    }
  }

  function loadOfLink(link) {
    const end = ({ interface_id }) => {
      const one = interfaceById.get(interface_id);
      if (!one || link.status === "down") return { interface: one?.name ?? null, oper_status: one ? "down" : null, in_bps: null, out_bps: null, in_utilization: null, out_utilization: null };
      rates(one, Date.now());
      const { name, oper_status, in_bps, out_bps, in_utilization, out_utilization } = one;
      return { interface: name, oper_status, in_bps, out_bps, in_utilization, out_utilization };
    };
    const [a, b] = [end(link.a), end(link.b)];
    const known = [a, b].flatMap((e) => [e.in_utilization, e.out_utilization]).filter((u) => u !== null);
    return { link_id: link.id, a, b, utilization: known.length > 0 ? Math.max(...known) : null };
  }

  const shown = ({ source, counter, device, ...open }) => open;

  function points(all, { from, to, step_secs }, factor) {
    const step = step_secs * 1000;
    const out = [];
    for (let at = Math.floor(Date.parse(from) / step) * step; at < Date.parse(to); at += step) {
      const values = all.map((one) => valueAt(one, at, net.born)).filter((v) => v !== null);
      out.push([at, values.length === 0 ? null : values.reduce((a, b) => a + b, 0) * factor]);
    }
    return out;
  }

  /** A run of discovery that finds three addresses, one of them refusing. */
  function discover(request) {
    const run = { id: id(), request, phase: "running", notices: ["ICMP is not permitted here; the sweep was left out."], addresses_total: 8, addresses_done: 0, addresses_answered: 0, devices_found: 0, started_at: now(), ended_at: null };
    const found = [];
    state.discoveries.push(run);
    state.results.set(run.id, found);
    const timer = setInterval(() => {
      if (run.phase !== "running") return clearInterval(timer);
      run.addresses_done += 1;
      const n = run.addresses_done;
      if (n <= 3) {
        const known = net.devices[n - 1];
        const result = {
          address: `192.0.2.${n}`, port: 161, via: n === 1 ? "target" : `neighbour of 192.0.2.${n - 1}`, hops: n - 1, icmp_answered: null,
          snmp: n === 3 ? { outcome: "refused", reasons: ["The digest is wrong: the pass phrase of authentication does not fit."] } : { outcome: "identified", credential_id: null },
          name: n === 3 ? null : (known?.name ?? `found-${n}`), description: n === 3 ? null : "Junos 22.4R3", vendor: n === 3 ? null : "Juniper",
          device_id: n === 3 ? null : (known?.id ?? null), identity_reason: n === 3 ? null : "The SNMP engine id is new.",
        };
        found.push(result);
        run.addresses_answered += 1;
        if (n !== 3) run.devices_found += 1;
        tell("discovery", "discovery_found", { discovery_id: run.id, result });
      }
      if (n >= run.addresses_total) Object.assign(run, { phase: "done", ended_at: now() });
      tell("discovery", "discovery_progress", run);
    }, 150);
    timers.add(timer);
    return run;
  }

  // ---- the stream ----
  const sockets = new WebSocketServer({ noServer: true });
  server.on("upgrade", (request, socket, head) => {
    if (control.refuse) return socket.destroy();
    sockets.handleUpgrade(request, socket, head, (ws) => {
      const client = { subs: new Map(), seq: 0, send: (frame) => ws.readyState === 1 && ws.send(JSON.stringify(frame)), ws };
      clients.add(client);
      ws.on("close", () => clients.delete(client));
      ws.on("message", (text) => {
        const frame = JSON.parse(text);
        if (frame.type === "subscribe") {
          client.subs.set(frame.id, { ...frame, series: frame.series_ids ? new Set(frame.series_ids) : null });
          client.send({ type: "subscribed", id: frame.id });
        } else client.subs.delete(frame.id);
      });
      client.send({ type: "hello", seq: 0, heartbeat_secs: 1 });
    });
  });

  const timers = new Set();
  const every = (ms, run) => timers.add(setInterval(run, ms));
  every(1000, () => clients.forEach((c) => !control.mute && c.send({ type: "heartbeat", at: now() })));
  every(intervalSecs * 1000, () => {
    if (control.mute) return;
    const at = Date.now();
    const wanted = new Set([...clients].flatMap((c) => [...c.subs.values()].flatMap((s) => (s.topic === "series" ? [...(s.device_ids ?? []), ...(s.series_ids ?? []).map((one) => seriesById.get(one)?.device.id)] : []))));
    for (const device of net.devices) {
      device.last_seen_at = new Date(at).toISOString();
      if (!wanted.has(device.id)) continue;
      const samples = (byDevice.get(device.id) ?? []).map((one) => {
        const value = valueAt(one, at, net.born) ?? 0;
        if (one.kind !== "counter") return { series_id: one.id, value };
        one.counter += Math.round(value * intervalSecs);
        return { series_id: one.id, value: one.counter };
      });
      for (const one of net.interfaces) if (one.device_id === device.id) rates(one, at);
      tell("series", "samples", { device_id: device.id, at: new Date(at).toISOString(), samples });
    }
  });

  const control = {
    ahead,
    refuse: false,
    mute: false,
    net,
    state,
    kept,
    tell,
    cut: () => clients.forEach((c) => c.ws.terminate()),
    lag: () => clients.forEach((c) => c.send({ type: "lagged", dropped: 3 })),
    setStatus(device, status) {
      const from = device.status;
      Object.assign(device, { status, status_since: now(), status_evidence: evidence(status, Date.now(), intervalSecs) });
      tell("status", "device_status", { device_id: device.id, from, to: status, since: device.status_since, evidence: device.status_evidence });
    },
    stop: () => {
      timers.forEach(clearInterval);
      control.cut();
      return new Promise((done) => {
        server.close(done);
        server.closeAllConnections();
      });
    },
  };
  await new Promise((ready) => server.listen(port, "127.0.0.1", ready));
  return { url: `http://127.0.0.1:${server.address().port}`, control };
}

/** Map.groupBy, which Node 20 does not have. */
function groupBy(rows, keyOf) {
  const groups = new Map();
  for (const row of rows) {
    const key = keyOf(row);
    if (groups.has(key)) groups.get(key).push(row);
    else groups.set(key, [row]);
  }
  return groups;
}
