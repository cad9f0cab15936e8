// Profiles, MIBs, walks and trials of the stand-in server.

const BUILT_IN = { "acme-base": 'summary = "Acme, everything"\n', linux: 'summary = "Linux hosts"\n' };
const OBJECTS = [
  { name: "acmeTemp", oid: "1.3.6.1.4.1.99999.2.1", is_column: false, syntax: "Integer32", units: "tenths of degrees", states: {}, description: "Inside." },
  { name: "acmeFan", oid: "1.3.6.1.4.1.99999.2.2", is_column: false, syntax: "Integer32", states: { 1: "running" }, description: "The fan." },
];
const WALKED = {
  sysObjectID: [{ oid: "1.3.6.1.2.1.1.2.0", name: "sysObjectID.0", syntax: "OBJECT IDENTIFIER", value: "1.3.6.1.4.1.99999.1" }],
  "1.3.6.1.4.1.99999": [
    { oid: "1.3.6.1.4.1.99999.2.1.0", name: "acmeTemp.0", syntax: "INTEGER", value: "315" },
    { oid: "1.3.6.1.4.1.99999.2.2.0", name: "acmeFan.0", syntax: "INTEGER", value: "2" },
  ],
};

/** Answers what is of the workbench; false where the route is another one. */
export function workbench() {
  const own = new Map();
  const mibs = new Map();
  const summary = (text) => /summary = "(.*)"/.exec(text)?.[1] ?? "";
  const whole = (name) => (own.has(name) ? { name, own: true, ...own.get(name) } : BUILT_IN[name] ? { name, own: false, text: BUILT_IN[name], revision: 1 } : null);
  const mistakes = (text) => text.split("\n").flatMap((line, i) => (line.includes("smell") ? [{ line: i + 1, key: "sensor[0].kind", detail: "`smell` is no kind of sensor" }] : []));
  const refused = (problem, text) => problem(422, "Fields of the request are wrong", "Fields are wrong.", mistakes(text).map((m) => ({ pointer: "/text", detail: `line ${m.line}: ${m.detail}` })));
  return (key, { name, query, body, request, page, send, problem }) => {
    switch (key) {
      case "GET /profiles":
        return page([...new Set([...Object.keys(BUILT_IN), ...own.keys()])].map(whole).map((p) => ({ name: p.name, summary: summary(p.text), extends: [], own: p.own, in_use: true })));
      case "GET /profiles/:id": {
        const one = whole(name);
        return one ? send(200, { summary: summary(one.text), ...one }) : problem(404, "There is no such thing", "There is no such profile.");
      }
      case "POST /profile-checks":
        return send(200, { mistakes: mistakes(body.text) });
      case "POST /profiles":
        if (mistakes(body.text).length > 0) return refused(problem, body.text);
        if (own.has(body.name)) return problem(409, "The present state does not allow this", `There is a profile \`${body.name}\` of yours already.`);
        own.set(body.name, { text: body.text, revision: 1 });
        return send(201, whole(body.name));
      case "PUT /profiles/:id":
      case "DELETE /profiles/:id": {
        const one = own.get(name);
        if (request.headers["if-match"] !== `"${one?.revision}"`) return problem(412, "It was changed meanwhile", "It was changed meanwhile.");
        if (request.method === "DELETE") own.delete(name);
        else own.set(name, { text: body.text, revision: one.revision + 1 });
        return send(request.method === "DELETE" ? 204 : 200, request.method === "DELETE" ? undefined : whole(name));
      }
      case "GET /mibs":
        return page([...mibs.values()]);
      case "POST /mibs": {
        const module = /([\w-]+)\s+DEFINITIONS/.exec(body.text)?.[1];
        if (!module) return problem(422, "Fields of the request are wrong", "there is no `NAME DEFINITIONS ::= BEGIN` in it", [{ pointer: "/text", detail: "no name" }]);
        mibs.set(module, { name: module, objects: OBJECTS.length, missing: ["ACME-SMI"] });
        return send(201, mibs.get(module));
      }
      case "DELETE /mibs/:id":
        mibs.delete(name);
        return send(204);
      case "GET /mibs/:id/objects":
        return page(OBJECTS.filter((o) => `${o.name} ${o.description}`.toLowerCase().includes((query.get("q") ?? "").toLowerCase())));
      case "POST /devices/:id/walk":
        if (!WALKED[body.object]) return problem(422, "Fields of the request are wrong", `\`${body.object}\` is neither an OID nor named by a MIB that is here.`, [{ pointer: "/object", detail: "unknown" }]);
        return send(200, { items: WALKED[body.object], complete: true });
      case "POST /devices/:id/profile-trial":
        return send(200, { matched: true, profiles: [body.name, "linux"], origins: [], facts: { sensors: [{ name: "Inside", kind: "temperature", value: 31.5, unit: "°C" }] } });
      default:
        return false;
    }
  };
}
