// Long work of the stand-in server: jobs that go on by the clock, exports, imports in pieces, deletes,
// metrics of users, the audit, and the archive.

import { objection } from "./storage.mjs";

const DAY_MS = 86_400_000;
const iso = (ms) => new Date(ms).toISOString();
const midnight = (days) => Math.floor(Date.now() / DAY_MS) * DAY_MS + days * DAY_MS;
const ROUTES = ["jobs", "exports", "imports", "samples", "metric-types", "audit", "archive"];

export function work(id, state, kept) {
  const now = () => iso(Date.now());
  Object.assign(kept, { jobs: [], jobMs: 1500, files: new Map(), audit: [], own: [], failPieces: 0, deleteDevices: 40, archive: archiveOf(), gone: new Set() });

  function archiveOf() {
    const days = Array.from({ length: 60 }, (_, n) => ({
      day: iso(midnight(-300 + n)), revision: 17 + n, samples: 2_700_000_000, series: 41_000, bytes: 4.2 * 2 ** 30, archived_at: iso(midnight(-297 + n)), is_here: n >= 32, restored_until: null, damaged: n === 20 ? "block 3 of samples-000.parquet" : null,
    }));
    return { days, waiting: 2, failing: null, of_another: null };
  }
  const status = () => {
    const { days, waiting, failing, of_another } = kept.archive;
    const sum = (name) => days.reduce((total, day) => total + day[name], 0);
    return {
      place: "the bucket foretell-archive of https://objects.example.net", installation: "0190bbbb", of_another, days: days.length, samples: sum("samples"), bytes: sum("bytes"), oldest: days[0].day, newest: days.at(-1).day, damaged: days.filter((day) => day.damaged).length, waiting,
      last_run: { at: iso(Date.now() - 1_800_000), took_ms: 412_000, days: 1, samples: 2_700_000_000, bytes: 4.2 * 2 ** 30, left: 0, failed: null }, failing,
    };
  };

  /** Work that goes on by the clock and ends with `end`, which answers its result. */
  function begin(kind, unit, total, end, more = {}) {
    const job = { id: id(), kind, state: "running", done: 0, total, unit, user_id: "u", by: state.session, made_at: now(), began_at: now(), ended_at: null, error: null, result: null, ...more };
    kept.jobs.unshift(job);
    job.end = end;
    return job;
  }
  function goOn(job) {
    if (job.state === "running") {
      const share = Math.min(1, (Date.now() - Date.parse(job.began_at)) / kept.jobMs);
      job.done = Math.floor((job.total ?? 10) * share);
      if (share === 1) Object.assign(job, { state: "done", ended_at: now(), result: job.end?.() ?? null });
    }
    const { end, text, options, ...told } = job;
    return told;
  }
  const accepted = (job, { send }) => send(202, goOn(job), { location: `/api/v1/jobs/${job.id}` });
  function note(action, more) {
    kept.audit.unshift({ id: id(), at: now(), ended_at: now(), user_id: "0190aaaa-0000-7000-8000-000000000001", by: state.session ?? "admin", action, selector: null, from: null, to: null, job_id: null, state: "done", counts: { devices: 0, series: 0, samples: 0, replaced: 0, refused: 0 }, detail: null, ...more });
  }

  /** What an import tells of a text: a line with `bad` in it is refused. */
  function imported(job) {
    const rows = job.text.split("\n").slice(1).filter((line) => line !== "");
    const faults = rows.flatMap((line, n) => (line.includes("bad") ? [{ line: n + 2, reason: "unknown_metric", detail: "there is no metric `bad`" }] : []));
    const added = rows.length - faults.length;
    if (!job.options.dryRun) note("import_samples", { job_id: job.id, counts: { samples: added, refused: faults.length } });
    return { dry_run: job.options.dryRun, rows: rows.length, added, replaced: 0, same: 0, repeated: 0, refused: faults.length, reasons: faults.length > 0 ? { unknown_metric: faults.length } : {}, faults: faults.slice(0, 1000), series: 2, new_series: 1, from: null, to: null, days: 1, days_done: 1, cut_short: false, left_out: {} };
  }
  const run = (job) => Object.assign(job, { state: "running", began_at: now(), total: job.text.length, end: () => imported(job) });

  /** Something of everything, for pictures. */
  kept.fill = () => {
    const who = { by: "admin", user_id: "u", made_at: iso(Date.now() - 95_000), began_at: iso(Date.now() - 94_000), ended_at: null, error: null, result: null };
    const faults = [{ line: 812, reason: "unknown_metric", detail: "there is no metric `queue_depht`" }, { line: 4410, reason: "not_finite", detail: "NaN is not taken" }];
    const told = { dry_run: false, rows: 1_204_113, added: 1_204_000, replaced: 12, same: 99, repeated: 0, refused: 2, reasons: { unknown_metric: 1, not_finite: 1 }, faults, series: 480, new_series: 2, days: 31, days_done: 31, cut_short: false };
    const over = (ms, state) => ({ state, made_at: iso(Date.now() - ms), began_at: iso(Date.now() - ms + 1000), ended_at: iso(Date.now() - ms + 64_000) });
    kept.jobMs = 86_400_000;
    kept.jobs.push(
      { ...who, id: id(), kind: "restore", state: "running", done: 12, total: 31, unit: "days", began_at: iso(Date.now() - kept.jobMs * 0.4) },
      { ...who, ...over(3_600_000, "done"), id: id(), kind: "export", done: 480, total: 480, unit: "series", result: { series: 480, samples: 3_400_112, bytes: 91 * 2 ** 20, format: "csv" } },
      { ...who, ...over(7_900_000, "done"), id: id(), kind: "import", done: 88 * 2 ** 20, total: 88 * 2 ** 20, unit: "octets", result: told },
      { ...who, ...over(90_000_000, "failed"), id: id(), kind: "archive_check", done: 3, total: 60, unit: "days", error: "The archive does not answer: connection refused." },
    );
    note("delete_samples", { selector: 'ifHCInOctets{site="lyon"}', from: iso(midnight(-40)), to: iso(midnight(-39)), counts: { devices: 40, series: 80, samples: 40_000 }, detail: "a counter that went wrong" });
    note("import_samples", { counts: { samples: 1_204_000, refused: 2 } });
    kept.own.push({ name: "queue_depth", unit: "messages", kind: "gauge", help: "Messages that wait in the broker", own: true, series: 12, created_at: now(), revision: 1 });
    kept.policies.push({ id: id(), name: "round trips of the lab", metrics: ["icmp_.*"], device_tags: ["lab"], level: "raw", keep_days: 30, priority: 100, built_in: false, revision: 1 });
    kept.holds.push({ id: id(), selector: '{site="lyon"}', from: iso(midnight(-300)), to: iso(midnight(-210)), reason: "case 2026-17", by: "admin", since: iso(midnight(-12)), devices: 14, revision: 1 });
  };

  kept.work = (method, path, query, body, request, answer) => {
    const { send, problem, page } = answer;
    const [, first, second, third] = path.split("/");
    if (!ROUTES.includes(first) || (first === "imports" && !second) || (first === "samples" && method !== "DELETE")) return false;
    if (kept.gone.has(first)) return problem(404, "There is no such thing", "There is no such route.");
    if (kept.viewer && (method !== "GET" || first === "archive")) return problem(403, "That is not permitted", "Only administrators do this.");
    const refuse = (status, errors) => problem(status, status === 400 ? "A query parameter is wrong" : "Fields of the request are wrong", "Fields are wrong.", errors);
    const job = kept.jobs.find((one) => one.id === second);
    switch (`${method} /${first}`) {
      case "GET /jobs":
        return second ? send(200, goOn(job)) : page(kept.jobs.map(goOn));
      case "POST /jobs":
        Object.assign(job, { state: "cancelled", ended_at: now() });
        return accepted(job, answer);
      case "POST /exports": {
        const wrong = objection(body.match);
        if (wrong) return refuse(422, [{ pointer: "/match", detail: wrong }]);
        return accepted(begin("export", "series", 12, () => ({ series: 12, samples: 3400, bytes: 90_112, format: body.format })), answer);
      }
      case "GET /exports":
        return send(200, "time,value", { "content-type": "text/csv", "content-disposition": `attachment; filename="foretell-${second}.csv"` });
      case "POST /imports": {
        if (third === "run") return accepted(run(job), answer);
        const options = { dryRun: query.get("dry_run") === "true", format: query.get("format") };
        const made = begin("import", "octets", null, null, { state: "receiving", began_at: null, text: body, options });
        if (query.get("more") !== "true") run(made);
        return accepted(made, answer);
      }
      case "PUT /imports": {
        if (kept.failPieces > 0) {
          kept.failPieces -= 1;
          return problem(503, "Too much is asked of the server", "Other files are being sent.");
        }
        if (Number(query.get("offset")) !== job.text.length) return problem(409, "The present state does not allow this", `The file has ${job.text.length} octets; go on at that offset.`);
        job.text += body;
        return send(200, { bytes: job.text.length });
      }
      case "DELETE /samples": {
        const wrong = objection(query.get("match"));
        if (wrong) return refuse(400, [{ pointer: "?match", detail: wrong }]);
        const counts = { devices: kept.deleteDevices, series: kept.deleteDevices * 2, samples: kept.deleteDevices * 1000, counted_whole: true };
        if (query.get("dry_run") === "true") return send(200, counts);
        const made = begin("delete", "samples", counts.samples, () => {
          note("delete_samples", { job_id: made.id, selector: query.get("match"), from: query.get("from"), to: query.get("to"), counts, detail: query.get("reason") });
          return counts;
        });
        return accepted(made, answer);
      }
      case "GET /metric-types":
        return page(kept.own);
      case "POST /metric-types":
        if (!/^[A-Za-z_]\w*$/.test(body.name)) return refuse(422, [{ pointer: "/name", detail: "a letter or _, then letters, digits and _" }]);
        kept.own.push({ ...body, own: true, series: 0, created_at: now(), revision: 1 });
        return send(201, kept.own.at(-1));
      case "PATCH /metric-types":
      case "DELETE /metric-types": {
        const own = kept.own.find((one) => one.name === second);
        if (request.headers["if-match"] !== `"${own.revision}"`) return problem(412, "It was changed meanwhile", "It was changed meanwhile.");
        if (method === "DELETE" && own.series > 0) return problem(409, "The present state does not allow this", `${own.series} series have it.`);
        if (method === "DELETE") kept.own.splice(kept.own.indexOf(own), 1);
        else Object.assign(own, body, { revision: own.revision + 1 });
        return method === "DELETE" ? send(204) : send(200, own);
      }
      case "GET /audit":
        return page(kept.audit.filter((entry) => !query.get("action") || entry.action === query.get("action")).filter((entry) => !query.get("who") || entry.user_id === query.get("who")));
      case "GET /archive":
        if (kept.archive === null) return problem(409, "The present state does not allow this", "The settings name no archive.");
        return second === "days" ? page([...kept.archive.days].reverse()) : send(200, status());
      default: {
        const [from, to] = [body.from, body.to];
        const meant = kept.archive.days.filter((day) => (!from || day.day >= from) && (!to || day.day < to));
        if (second === "restores") {
          const back = () => {
            for (const day of meant) day.restored_until = iso(Date.now() + body.keep_days * DAY_MS);
            note("restore", { from, to, counts: { series: 41_000 } });
            return { days: meant.length, devices: 40, series: 41_000, samples: meant.length * 1000, refused: {} };
          };
          return accepted(begin("restore", "days", meant.length, back), answer);
        }
        if (second === "checks") return accepted(begin("archive_check", "days", meant.length, () => ({ days: meant.length, bytes: 4096, damaged: [] })), answer);
        return accepted(begin("archive", "days", kept.archive.waiting, () => ((kept.archive.waiting = 0), { days: 2, samples: 10, bytes: 2048 })), answer);
      }
    }
  };
  return kept;
}
