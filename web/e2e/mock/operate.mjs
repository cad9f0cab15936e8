// What operators do to the stand-in server besides devices: maintenance of many, and schedules.

const iso = (ms) => new Date(ms).toISOString();

export function setMaintenance(net, body, { send, problem }, changed) {
  if (body.until && Date.parse(body.until) <= Date.now()) return problem(422, "Fields of the request are wrong", "Fields are wrong.", [{ pointer: "/until", detail: "it is over" }]);
  const wanted = net.devices.filter((d) => (body.device_ids ? body.device_ids.includes(d.id) : body.site ? d.site === body.site : d.tags.includes(body.tag)));
  for (const device of wanted) {
    const on = body.maintenance;
    Object.assign(device, {
      maintenance: on, maintenance_since: on ? (device.maintenance_since ?? iso(Date.now())) : null, maintenance_until: on ? (body.until ?? null) : null, maintenance_reason: on ? (body.reason ?? null) : null,
      revision: device.revision + 1,
    });
    changed(device);
  }
  const items = wanted.map((d) => ({ device_id: d.id, name: d.name, outcome: body.maintenance ? "began" : "ended", problem: null }));
  return send(200, { items, changed: items.length, failed: 0 });
}

/** Schedules of discoveries; they run only when they are asked to. */
export function schedules(id, discover) {
  const all = [];
  const next = (one) => (one.enabled ? iso(Date.now() + (one.every_secs ?? 86_400) * 1000) : null);
  const named = (name, except) => all.find((one) => one.name === name && one !== except);
  const faults = (body, except) => {
    const out = [];
    if (body.name !== undefined && named(body.name, except)) out.push({ pointer: "/name", detail: "another schedule is called that" });
    if (body.every_secs && body.every_secs < 300) out.push({ pointer: "/every_secs", detail: "300 to 2678400 seconds" });
    const bad = (body.request?.targets ?? []).findIndex((t) => !/^[0-9a-f.:/\[\]-]+$/i.test(t));
    if (bad >= 0) out.push({ pointer: `/request/targets/${bad}`, detail: "it is no network, range or address" });
    return out;
  };
  const refuse = (problem, errors) => problem(422, "Fields of the request are wrong", "Fields are wrong.", errors);
  return {
    all,
    create(body, { send, problem }) {
      const errors = faults(body);
      if (errors.length > 0) return refuse(problem, errors);
      const one = { every_secs: null, daily_at: null, ...body, id: id(), last_run_at: null, last_discovery_id: null, last_problem: null, created_at: iso(Date.now()), revision: 1 };
      all.push({ ...one, next_run_at: next(one) });
      return send(201, all.at(-1));
    },
    change(which, body, { send, problem }) {
      const one = all.find((s) => s.id === which);
      if (!one) return problem(404, "There is no such thing", "There is no such schedule.");
      const errors = faults(body, one);
      if (errors.length > 0) return refuse(problem, errors);
      if (body.every_secs) one.daily_at = null;
      if (body.daily_at) one.every_secs = null;
      Object.assign(one, body, { revision: one.revision + 1 });
      one.next_run_at = next(one);
      return send(200, one);
    },
    remove(which, { send }) {
      all.splice(all.findIndex((s) => s.id === which), 1);
      return send(204);
    },
    run(which, { send }) {
      const one = all.find((s) => s.id === which);
      const run = Object.assign(discover(one.request), { schedule_id: one.id });
      Object.assign(one, { last_run_at: iso(Date.now()), last_discovery_id: run.id });
      return send(202, run);
    },
  };
}
