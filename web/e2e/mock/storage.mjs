// What the stand-in server keeps: sizes, policies, holds, backups, how many series there are. What takes
// time goes on by the clock.

const DAY_MS = 86_400_000;
const iso = (ms) => new Date(ms).toISOString();
const midnight = (days = 0) => Math.floor(Date.now() / DAY_MS) * DAY_MS + days * DAY_MS;

export const PERMISSIONS = ["read_inventory", "write_inventory", "read_discoveries", "run_discoveries", "read_credentials", "write_credentials", "manage_storage", "read_system", "own_account"];
const BUILT_IN = { raw: 400, "5m": 1826, "1h": 3652 };
const GIB = 2 ** 30;

/** A selector as far as the stand-in reads it: what is wrong with it, or null. */
export function objection(text) {
  const open = text.indexOf("{");
  if (open < 0) return /^[A-Za-z_]\w*$/.test(text) ? null : `at character ${Math.max(1, text.search(/\W/) + 1)}: a metric or a brace is expected`;
  const bad = text.search(/=\s*[^"~]/);
  if (bad >= 0) return `at character ${bad + 2}: a value in double quotes is expected`;
  return text.endsWith("}") ? null : `at character ${text.length + 1}: a brace is expected`;
}

export function storage(id, net, state) {
  const kept = { viewer: false, notices: [], failing: null, policies: [], holds: [], backups: [], backupMs: 1500, backupFails: null, over: null };
  const builtIn = (level) => ({ id: `0190c000-0000-7000-8000-0000000000${level === "raw" ? "01" : level === "5m" ? "02" : "03"}`, name: `Built-in, ${level}`, metrics: [], device_tags: [], level, keep_days: BUILT_IN[level], priority: 0, without_archive: false, built_in: true, revision: 0 });
  kept.policies = Object.keys(BUILT_IN).map(builtIn);
  const taken = (days, ms, more = {}) => ({
    id: id(), phase: "done", started_at: iso(Date.now() - days * DAY_MS - ms), ended_at: iso(Date.now() - days * DAY_MS), encrypted: true,
    bytes_total: 182 * GIB, bytes_done: 182 * GIB, bytes_written: 4.1 * GIB, samples: { series: 41_000, packed: 98_000_000_000, log_polls: 4000 }, left_out: [], error: null, ...more,
  });
  kept.backups = [taken(0.1, 420_000), taken(1.1, 450_000), taken(2.1, 31_000, { phase: "failed", error: "The disk is full: 0 octets of 4194304 were written.", samples: null, bytes_done: GIB, bytes_written: GIB / 2 }), taken(3.1, 3_900_000, { bytes_written: 171 * GIB })];

  const size = (level, range_secs, files, bytes, samples, oldest, newest) => ({ level, range_secs, files, bytes, samples, oldest: iso(oldest), newest: iso(newest) });
  const standing = () => ({
    sizes: [
      size("raw", 86_400, 268, 1.17 * 1024 * GIB, 720_000_000_000, midnight(-268), midnight(0)),
      size("raw", 7200, 6, 2.1 * GIB, 1_200_000_000, midnight(0), midnight(0) + 6 * 7_200_000),
      size("raw", 1800, 2, 0.6 * GIB, 300_000_000, midnight(0) + 6 * 7_200_000, midnight(0) + 6 * 7_200_000 + 3_600_000),
      size("5m", 2_678_400, 9, 61 * GIB, 21_000_000_000, midnight(-268), midnight(0)),
      size("1h", 2_678_400, 9, 6.4 * GIB, 2_100_000_000, midnight(-268), midnight(0)),
    ],
    last_pass: { at: iso(Date.now() - 1_320_000), took_ms: 93_000, files_removed: 2, days_rewritten: 1, bytes: 3.2 * GIB, samples: 2_000_000_000, bytes_held: 12 * 2 ** 20, samples_held: 9_000_000, left: 0 },
    failing: kept.failing,
    holds: kept.holds.length,
  });

  const faults = (body) => {
    const out = [];
    if (body.name !== undefined && body.name.trim() === "") out.push({ pointer: "/name", detail: "a name is needed" });
    (body.metrics ?? []).forEach((one, n) => {
      try {
        new RegExp(one);
      } catch {
        out.push({ pointer: `/metrics/${n}`, detail: "at character 1: the expression cannot be read" });
      }
    });
    return out;
  };
  const refuse = (problem, errors) => problem(422, "Fields of the request are wrong", "Fields are wrong.", errors);
  const stale = (request, one) => request.headers["if-match"] !== `"${one.revision}"`;

  /** The policies after a change. */
  const changed = ({ policy_id, patch, create }) =>
    kept.policies
      .filter((one) => patch || one.built_in || one.id !== policy_id)
      .map((one) => (one.id !== policy_id ? one : patch ? { ...one, ...patch } : builtIn(one.level)))
      .concat(create ?? []);

  /** The shorter the days of the policies, the more goes. */
  function preview(body) {
    const policies = changed(body.change ?? {}).filter((one) => !one.built_in || one.keep_days < builtIn(one.level).keep_days);
    const by_policy = policies.filter((one) => one.keep_days < 268).map((one) => ({ policy_id: id(), name: one.name, bytes: (268 - one.keep_days) * 12 * 2 ** 20, samples: (268 - one.keep_days) * 8_000_000 }));
    const total = (what) => by_policy.reduce((sum, row) => sum + row[what], 0);
    const files = by_policy.flatMap((row) => [{ level: "raw", from: iso(midnight(-268)), to: iso(midnight(-267)), whole: false, bytes: row.bytes, samples: row.samples }]);
    return {
      at: iso(Date.now()), files_removed: 0, days_rewritten: files.length, bytes: total("bytes"), samples: total("samples"), by_policy,
      by_hold: kept.holds.map((one) => ({ hold_id: one.id, bytes: 12 * 2 ** 20, samples: 9_000_000 })), files, files_left: 0, bytes_left: 0,
    };
  }

  function policies(method, which, body, request, { send, problem, page }) {
    const one = kept.policies.find((policy) => policy.id === which);
    if (method === "GET") return page(kept.policies);
    if (method === "POST") {
      const errors = faults(body);
      if (errors.length > 0) return refuse(problem, errors);
      if (kept.policies.some((policy) => policy.name === body.name)) return problem(409, "The present state does not allow this", "another policy has that name", [{ pointer: "/name", detail: "another policy has that name" }]);
      kept.policies.push({ ...body, id: id(), built_in: false, revision: 1 });
      return send(201, kept.policies.at(-1));
    }
    if (!one) return problem(404, "There is no such thing", "There is no such policy.");
    if (stale(request, one)) return problem(412, "It was changed meanwhile", "It was changed meanwhile.");
    if (method === "DELETE") {
      if (one.built_in) Object.assign(one, builtIn(one.level));
      else kept.policies.splice(kept.policies.indexOf(one), 1);
      return send(204);
    }
    const errors = faults(body);
    if (errors.length > 0) return refuse(problem, errors);
    Object.assign(one, body, { revision: one.revision + 1 });
    return send(200, one);
  }

  function holds(method, which, body, request, { send, problem, page }) {
    const one = kept.holds.find((hold) => hold.id === which);
    if (method === "GET") return page(kept.holds);
    if (method === "POST") {
      const wrong = objection(body.selector);
      if (wrong) return refuse(problem, [{ pointer: "/selector", detail: wrong }]);
      if (body.from && body.to && body.to <= body.from) return refuse(problem, [{ pointer: "/to", detail: "it is not behind `from`" }]);
      kept.holds.push({ from: null, to: null, ...body, id: id(), by: state.session, since: iso(Date.now()), devices: 3, revision: 1 });
      return send(201, kept.holds.at(-1));
    }
    if (!one) return problem(404, "There is no such thing", "There is no such hold.");
    if (stale(request, one)) return problem(412, "It was changed meanwhile", "It was changed meanwhile.");
    if (method === "DELETE") {
      kept.holds.splice(kept.holds.indexOf(one), 1);
      return send(204);
    }
    Object.assign(one, body, { revision: one.revision + 1 });
    return send(200, one);
  }

  /** A backup as it is by now. */
  function goOn(one) {
    if (one.phase !== "running") return one;
    const share = Math.min(1, (Date.now() - Date.parse(one.started_at)) / kept.backupMs);
    Object.assign(one, { bytes_done: Math.round(one.bytes_total * share), bytes_written: Math.round(one.bytes_total * share * 0.02) });
    if (share === 1 && kept.backupFails) {
      Object.assign(one, { phase: "failed", ended_at: iso(Date.now()), error: kept.backupFails });
      kept.notices.push({ code: "backup_failed", message: `The last backup failed: ${kept.backupFails}`, since: iso(Date.now()) });
    } else if (share === 1) Object.assign(one, { phase: "done", ended_at: iso(Date.now()), samples: { series: 41_000, packed: 98_000_000_000, log_polls: 10 }, left_out: ["secret.key: it is not put into backups that are not encrypted"] });
    return one;
  }

  function cardinality(query) {
    const limit = Number(query.get("limit") ?? 10);
    const of = (n) => net.series.filter((one) => one.device.id === net.devices[n]?.id).length;
    const largest = net.devices.slice(0, limit).map((device, n) => ({ device_id: device.id, device_name: device.name, series: of(n), asked: null }));
    const near_bound = kept.over ? [{ device_id: kept.over.id, device_name: kept.over.name, series: 16_384, asked: 19_000 }] : [];
    return {
      series: net.series.length, devices: net.devices.length, series_per_device_max: 16_384,
      by_metric: [...new Set(net.series.map((one) => one.metric))].map((metric) => ({ metric, series: net.series.filter((one) => one.metric === metric).length, known: true })).concat([{ metric: "ofAnotherVersion", series: 3, known: false }]),
      by_label: [{ label: "interface_id", values: net.interfaces.length, series: net.series.length }, { label: "vantage", values: 1, series: net.series.length }],
      largest_devices: largest, near_bound, near_bound_count: near_bound.length,
    };
  }

  kept.route = (method, path, query, body, request, answer) => {
    const { send, problem, page } = answer;
    const [, first, second, third] = path.split("/");
    const mine = ["retention", "backups"].includes(first) || (first === "series" && (second === "cardinality" || query.get("match")));
    if (!mine) return false;
    if (kept.viewer && method !== "GET" && second !== "preview") return problem(403, "That is not permitted", "Only administrators do this.");
    if (first === "series") {
      if (second) return send(200, cardinality(query));
      const wrong = objection(query.get("match"));
      if (wrong) return problem(400, "A query parameter is wrong", "A query parameter is wrong.", [{ pointer: "?match", detail: wrong }]);
      const metric = /^\w*/.exec(query.get("match"))[0];
      return page(net.series.filter((one) => metric === "" || one.metric === metric).map(({ id: one, metric: name, unit, kind, labels }) => ({ id: one, metric: name, unit, kind, labels })));
    }
    if (first === "retention") {
      if (!second) return send(200, standing());
      if (second === "preview") {
        const errors = ["create", "patch"].flatMap((how) => faults(body.change?.[how] ?? {}).map((fault) => ({ ...fault, pointer: `/change/${how}${fault.pointer}` })));
        return errors.length > 0 ? refuse(problem, errors) : send(200, preview(body));
      }
      return second === "policies" ? policies(method, third, body, request, answer) : holds(method, third, body, request, answer);
    }
    if (method === "GET" && second) return send(200, goOn(kept.backups.find((one) => one.id === second)));
    if (method === "GET") return page(kept.backups.map(goOn));
    if (kept.backups.some((one) => one.phase === "running")) return problem(409, "The present state does not allow this", "A backup is being taken.");
    kept.backups.unshift({ id: id(), phase: "running", started_at: iso(Date.now()), ended_at: null, encrypted: false, bytes_total: 182 * GIB, bytes_done: 0, bytes_written: 0, samples: null, left_out: [], error: null });
    return send(202, kept.backups[0]);
  };
  return kept;
}
