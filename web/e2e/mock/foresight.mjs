// What the stand-in server expects of series: one that is out of the ordinary, one whose limit comes near,
// forecasts of whatever is asked for. Invented.

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const iso = (ms) => new Date(ms).toISOString();

export const FORESIGHT_QUERIES = {
  "GET /anomalies": ["limit", "cursor", "device_id", "series_id", "interface_id", "site", "tag", "open", "kind", "from", "until"],
  "GET /bands": ["series_id", "from", "until", "step_secs"],
  "GET /forecasts/:id": ["horizon_secs"],
  "GET /analysis/:id": ["series_id", "from", "to", "among", "limit"],
  "GET /capacity": ["limit", "cursor", "sort", "of", "within_days", "site", "device_id"],
  "GET /balance": ["limit", "cursor", "sort", "all", "site", "device_id"],
  "GET /scaling": ["limit", "cursor", "sort", "device_id", "series_id", "state", "enabled"],
  "GET /capacity/:id/what-if": ["demand_factor", "growth_factor", "added_links", "added_capacity"],
};

const RANGE = (to) => ({ from: iso(to - 28 * DAY), to: iso(to), step_secs: 3600, steps: 672, missing: 0 });
const ACCURACY = [{ lead: "day", mase: 0.83, coverage: 0.947, count: 1200, backcast: 168 }];

export function foresight(net) {
  const born = Date.now();
  const port = net.series.find((s) => s.metric === "ifHCInOctets");
  if (!port) return { route: (key, { page }) => (/^GET \/(anomalies|balance|capacity|models|scaling)$/.test(key) ? page([]) : false), state: { anomalies: [] } };
  const { device } = port;
  const row = net.interfaces.find((i) => i.id === port.labels.interface_id);
  const anomaly = (id, kind, extra) => ({
    id, kind, series_id: port.id, device_id: device.id, device_name: device.name, site: device.site ?? null, interface_id: port.labels.interface_id, metric: port.metric, labels: port.labels,
    state: "open", started_at: iso(born - 10 * 60_000), last_seen_at: iso(born - 5 * 60_000), ended_at: null, peak_score: 0.93, value: 5e7, expected: 1e7, lower: 8e6, upper: 1.3e7, unit: "octets_per_second",
    model: "streaming", model_version: 1, group: null, evidence: "400 Mbit/s where 64 to 104 Mbit/s were expected.", judgement: null, talker: null, ...extra,
  });
  const state = { anomalies: [anomaly("0190-a1", "spike")], limits: new Map() };
  const subject = { series_id: port.id, metric: port.metric, unit: "octets/s", labels: port.labels, device_id: device.id, device_name: device.name, site: device.site ?? null, interface_id: row.id, interface_name: row.name, interface_alias: null };
  const outlook = (of, threshold, days) => ({ of, threshold, used: 0.71, expected_at: days === null ? null : iso(born + days * DAY), earliest_at: days === null ? null : iso(born + days * 0.8 * DAY), latest_at: days === null ? null : iso(born + days * 1.6 * DAY), growth_a_day: 0.006 });
  const raised = { raised_at: iso(born), expected_at: iso(born + 25 * 60_000), probability: 0.62, cleared_at: null, verdict: "waiting", overload_at: null, lead_secs: null, is_backcast: false };
  const trigger = (extra) => ({
    id: "0190-t1", name: "web", series_id: port.id, subject, threshold: { kind: "of_limit", share: 0.8 }, threshold_value: 1e8, lead_min_secs: 600, lead_max_secs: 2400, clear_below_share: 0.9, webhook: { url: "https://hooks.example.net/x", is_signed: true },
    enabled: true, state: "raised", reason: null, since: iso(born), is_stale: false, stepped_to: iso(born), raised, outlook: { at: iso(born), latest: 7e7, threshold: 1e8, forecast_max: 1.1e8, forecast_max_upper80: 1.2e8, is_forecast: true },
    tally: { came: 12, false_raises: 2, missed: 1, lead_secs_sum: 14_400, backcast: 9 }, raises: [raised], delivery: null, created_at: iso(born), revision: 1, ...extra,
  });
  state.triggers = [trigger({})];
  const item = { ...subject, limit_kind: "interface_speed", limit: 1.25e8, outlook: outlook("p95", 0.9, 41), outlooks: [outlook("p95", 0.8, 20), outlook("p95", 0.9, 41)], reason: null, made_at: iso(born) };

  // Two links between the same two devices, of which the slow one has as much as the fast.
  const twins = net.links.filter((one) => net.links.filter((other) => other.a.device_id === one.a.device_id && other.b.device_id === one.b.device_id).length > 1).slice(0, 2);
  const named = (device_id) => ({ device_id, device_name: net.devices.find((d) => d.id === device_id)?.name ?? "", site: null });
  const portName = (end) => net.interfaces.find((i) => i.id === end.interface_id)?.name ?? null;
  const direction = (from, to, advised) => ({
    from_device_id: twins[0][from].device_id, to_device_id: twins[0][to].device_id, is_advised: advised, reason: advised ? null : "it is balanced: other weights would make the worst link 0.2 percentage points lower, and under 5 are not worth a change",
    mean_bps: 6e9, p95_bps: 1.2e10, peak_day_bps: 1.25e10, peak_bps: 1.3e10, peak_at: iso(born + 2 * DAY), worst_now: advised ? 0.65 : 0.065, worst_then: advised ? 0.26 : 0.063, gain: advised ? 0.39 : 0.002, worst_with_another: 0.15,
    members: twins.map((link, at) => ({ link_id: link.id, interface_id: link[from].interface_id, interface_name: portName(link[from]), to_interface_name: portName(link[to]), speed_bps: at === 0 ? 1e10 : 4e10, status: link.status, mean_bps: 3e9, p95_bps: 6e9, share_now: 0.5, share_then: advised ? (at === 0 ? 0.2 : 0.8) : 0.5, weight: advised ? (at === 0 ? 1 : 4) : null, load_now: at === 0 ? 0.65 : 0.1625, load_then: 0.26 })),
  });
  const balanced = twins.length < 2 ? [] : [{ id: twins[0].id, a: named(twins[0].a.device_id), b: named(twins[0].b.device_id), is_advised: true, reason: null, gain: 0.39, worst_now: 0.65, worst_then: 0.26, quantile: 0.9, horizon_secs: 604_800, made_at: iso(born), directions: [direction("a", "b", true), direction("b", "a", false)], evidence: ["2 links are seen between the two devices; that they share what goes over them is taken from that alone"] }];

  function route(key, { id, query, body, send, problem, page }) {
    switch (key) {
      case "GET /anomalies":
        return page(state.anomalies.filter((a) => (!query.get("series_id") || a.series_id === query.get("series_id")) && (query.get("open") !== "true" || a.state === "open")));
      case "GET /anomalies/:id": {
        if (id === "precision") return send(200, { detectors: [{ detector: "streaming 1", useful: 3, noise: 1, precision: 0.75 }] });
        const one = state.anomalies.find((a) => a.id === id);
        return one ? send(200, one) : problem(404, "There is no such thing", "There is no such anomaly.");
      }
      case "PUT /anomalies/:id/verdict": {
        const one = state.anomalies.find((a) => a.id === id);
        one.judgement = body.verdict && { verdict: body.verdict, by: "admin", user_id: "u", at: iso(Date.now()) };
        return send(200, { anomaly: one, useful: 0, noise: body.verdict === "noise" ? 1 : 0, precision: 0, threshold: 0.63, effect: "This series alarms from a score of 0.63 on, rather than 0.50." });
      }
      case "GET /bands": {
        const [from, until, step] = [Date.parse(query.get("from")), Date.parse(query.get("until")), Number(query.get("step_secs")) * 1000];
        const points = [];
        for (let at = from; at <= until && points.length < 500; at += step) points.push({ at: iso(at), lower: 8e6, expected: 1e7, upper: 1.3e7 });
        const limits = state.limits.get(query.get("series_id"));
        return send(200, { series_id: query.get("series_id"), device_id: device.id, metric: port.metric, unit: "octets_per_second", model: "streaming", model_version: 1, samples: 900, learned_from: iso(born - 14 * DAY), learning: false, watched: true, seen_at: iso(born), threshold: 0.5, useful: 0, noise: 0, floor: limits?.floor ?? null, ceiling: limits?.ceiling ?? null, revision: limits ? 1 : 0, step_secs: step / 1000, points });
      }
      case "PUT /bands/:id":
        state.limits.set(id, body);
        return send(200, { ...body, series_id: id, revision: 1 });
      case "GET /forecasts/:id": {
        const horizon = Number(query.get("horizon_secs"));
        const step = horizon <= 6 * 3600 ? 300 : horizon <= 14 * 86_400 ? 3600 : 86_400;
        const now = Date.now();
        const points = Array.from({ length: Math.ceil(horizon / step) }, (_, n) => [now + n * step * 1000, 1e7, 9e6, 1.1e7, 8e6, 1.3e7]);
        return send(200, { ...subject, series_id: id, is_chosen: false, state: "ready", reason: null, is_kept: true, made_at: iso(now), trained_from: iso(now - 30 * DAY), trained_to: iso(now), model: "pool", version: 1, members: [{ model: "autoregression", weight: 0.7 }], accuracy: ACCURACY, pattern: null, pattern_since: null, horizon_secs: horizon, step_secs: step, points });
      }
      case "GET /balance":
        return page(balanced);
      case "GET /analysis/:id": {
        if (id === "similar") return send(200, { ...subject, ...RANGE(born), among: "metric", compared: 7, left_out: 0, cluster: { size: 3, clusters: 2, alike: 0.8 }, items: [{ ...subject, series_id: "0190-s2", device_name: "edge2", correlation: 0.97, lag_secs: 10_800, pairs: 600, week_likeness: 0.9, is_of_cluster: true }] });
        const windows = [0, 1, 2, 3, 4].map((day) => ({ day, from_hour: 8, to_hour: 18 }));
        const hour = { median: 1e7, lower: 8e6, upper: 1.3e7, values: 28 };
        return send(200, {
          ...subject, ...RANGE(born), time_zone: "UTC", pattern: { kind: "office_hours", confidence: 0.92, evidence: [{ figure: "hours of the hump", value: 10, against: 3, wholly: 6, fits: 1 }] }, pattern_reason: null, kinds: [{ kind: "office_hours", fits: 0.92 }],
          business_hours: { windows, threshold: 2e7, busy: 5e7, quiet: 1e7, separation: 0.9, held: 0.95, quiet_days: [5, 6] }, business_hours_reason: null, day: Array.from({ length: 24 }, () => hour), week: Array.from({ length: 168 }, () => hour), motifs: [], discords: [], odd_days: [],
        });
      }
      case "GET /capacity":
        return page([item]);
      case "GET /capacity/:id/what-if":
        return send(200, { ...subject, limit_kind: "interface_speed", limit: 1.25e8, limit_then: 1.25e8, before: item.outlooks, after: [outlook("p95", 0.8, 0), outlook("p95", 0.9, 3)], reason: null });
      case "GET /scaling":
        return page(state.triggers);
      case "POST /scaling":
        state.triggers.push(trigger({ ...body, id: "0190-t2", state: "learning", raised: null, reason: "12 steps of five minutes are known, and 288 are needed" }));
        return send(201, state.triggers.at(-1));
      case "PATCH /scaling/:id":
        state.triggers = state.triggers.map((one) => (one.id === id ? { ...one, ...body, revision: one.revision + 1 } : one));
        return send(200, state.triggers.find((one) => one.id === id));
      case "GET /scaling/:id/key":
        return send(200, { header: "X-API-Key", key: "0a1b2c" });
      case "POST /scaling/:id/test":
        return send(200, { event_id: "0190-e", state: "delivered", attempts: 1, at: iso(born), status: 204, detail: "taken with status 204" });
      case "DELETE /scaling/:id":
        state.triggers = state.triggers.filter((one) => one.id !== id);
        return send(204);
      case "GET /models":
        return page([{ name: "pool", version: 1, task: "forecast", is_built_in: true, description: "A pool of simple models.", series: 12, ready: 10, learning: 1, unforecastable: 1, accuracy: [{ ...ACCURACY[0], better_than_naive: 0.8, series: 10 }], members: [{ model: "autoregression", weight: 0.6 }] }]);
      case "GET /models/:id":
        return send(200, { series: 12, done: 11, left: 1, left_out: 0, behind_secs: 0, made: 11, failed: 0, last_made_at: iso(born), mean_us: 4200 });
      default:
        return false;
    }
  }
  return { route, state, anomaly, device, row, twins };
}
