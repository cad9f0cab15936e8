// What the stand-in server tells of the past: states, availability, health, and the busiest. Invented,
// the same for the same thing.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const iso = (ms) => new Date(ms).toISOString();

/** Changes of a thing before now, as [hours ago, status, maintenance]; a flaky one has an outage a day. */
function changes(n, status, maintenance, shut) {
  const rows = [[31 * 24, "unknown"], [29 * 24 + 5, shut ? "shut" : "up"]];
  if (!shut) {
    if (n % 3 === 0) for (let day = 25; day > 0; day -= 4) rows.push([day * 24 + 3.2, "down"], [day * 24 + 2.9, "up"]);
    rows.push([100, "unknown"], [99, "up"], [20, "degraded"], [19.2, "up"], [9, "down", true], [8.3, "up"]);
    if (n % 2 === 1) rows.push([5, "down"], [4.75, "up"]);
  }
  if (status !== "up" || maintenance) rows.push([0.6, status, maintenance]);
  return rows;
}

/** The intervals of a range, the latest first. */
export function intervals(n, thing, from, to, now, extra) {
  const rows = changes(n, thing.status, thing.maintenance, thing.shut).map(([hours, status, maintenance = false]) => ({ at: now - hours * HOUR, status, maintenance }));
  const out = [];
  rows.forEach((row, i) => {
    const end = rows[i + 1]?.at ?? now;
    const [begins, ends] = [Math.max(from, row.at), Math.min(to, end)];
    if (ends > begins) out.push({ from: iso(begins), to: iso(ends), secs: (ends - begins) / 1000, status: row.status, maintenance: row.maintenance, ongoing: i === rows.length - 1, ...extra(row.status) });
  });
  return out.reverse();
}

export function availability(n, thing, from, to, now) {
  const all = intervals(n, thing, from, to, now, () => ({}));
  const secs = (test) => all.filter(test).reduce((sum, one) => sum + one.secs, 0);
  const of = (status) => secs((one) => one.status === status && !one.maintenance);
  const [up, degraded, down] = [of("up"), of("degraded"), of("down")];
  const measured = up + degraded + down;
  const outages = all.filter((one) => one.status === "down" && !one.maintenance).length;
  return {
    from: iso(from), to: iso(to), up_ratio: measured > 0 ? up / measured : null, available_ratio: measured > 0 ? (up + degraded) / measured : null,
    measured_secs: measured, up_secs: up, degraded_secs: degraded, down_secs: down, unknown_secs: of("unknown"), maintenance_secs: secs((one) => one.maintenance),
    shut_secs: null, outages, longest_outage_secs: null, mean_time_to_repair_secs: null, mean_time_between_failures_secs: null,
  };
}

export function healthHistory(from, to, total) {
  const step = Math.max(MINUTE, Math.ceil((to - from) / 300 / MINUTE) * MINUTE);
  const times = [];
  for (let at = Math.floor(from / step) * step; at < to; at += step) times.push(at);
  const known = (at) => at > to - 20 * DAY && !(at > to - 100 * HOUR && at < to - 99 * HOUR);
  const score = (at) => 0.955 + 0.02 * Math.sin(at / HOUR) - (at > to - 5 * HOUR && at < to - 4.5 * HOUR ? 0.2 : 0);
  const down = (at) => (at > to - 5 * HOUR && at < to - 4.5 * HOUR ? 6 : 1);
  const line = (of) => times.map((at) => [at, known(at) ? of(at) : null]);
  const states = (n) => ({ up: line((at) => n - down(at)), degraded: line(() => 0), down: line(down), unknown: line(() => 0), maintenance: line(() => 0) });
  return { from: iso(from), to: iso(to), step_secs: step / 1000, score: line(score), score_min: line((at) => score(at) - 0.02), devices: states(total), interfaces: states(total * 8), links: states(total), checks: states(0) };
}

/** The first rows by what interfaces carry now; the real server looks at a range. */
export function top(net, query, valueAt, now) {
  const by = query.get("by") ?? "in_bps";
  const limit = Number(query.get("limit") ?? 10);
  const [from, to] = [query.get("from") ? Date.parse(query.get("from")) : now - HOUR, query.get("to") ? Date.parse(query.get("to")) : now];
  const devices = new Map(net.devices.map((device) => [device.id, device]));
  const bps = new Map();
  for (const one of net.series) {
    if (one.metric !== "ifHCInOctets" && one.metric !== "ifHCOutOctets") continue;
    bps.set(one.labels.interface_id, { ...bps.get(one.labels.interface_id), [one.metric]: one });
  }
  const of = (row, at) => {
    const [i, o] = ["ifHCInOctets", "ifHCOutOctets"].map((metric) => valueAt(bps.get(row.id)[metric], at, net.born)).map((v) => (v === null ? null : v * 8));
    if (i === null) return null;
    return by === "utilization" ? Math.max(i, o) / row.speed_bps : by === "bps" ? i + o : by === "out_bps" ? o : i;
  };
  const items = net.interfaces
    .map((row) => ({ row, value: of(row, now) }))
    .filter(({ value }) => value !== null)
    .sort((a, b) => b.value - a.value)
    .slice(0, limit)
    .map(({ row, value }) => {
      const device = devices.get(row.device_id);
      const points = Array.from({ length: 60 }, (_, i) => [from + (i * (to - from)) / 60, of(row, from + (i * (to - from)) / 60)]);
      return {
        device_id: device.id, device_name: device.name, site: device.site, interface_id: row.id, interface_name: row.name, interface_alias: row.alias, speed_bps: row.speed_bps,
        value, avg: value, p95: value * 1.05, max: value * 1.1, points: query.get("points") === "true" ? points : null,
      };
    });
  return { by, of: "interfaces", statistic: "avg", unit: by === "utilization" ? "ratio" : "bit/s", from: iso(from), to: iso(to), items, compared: net.interfaces.length, without_value: 0 };
}
