import { expect, test } from "vitest";
import type { Device, Link, Status } from "../../lib/api/shapes";
import { canFold, foldsAtFirst, graph, openedBy, shownOf, siteId } from "./fold";
import type { Carrying } from "./load";

function device(id: string, site: string | null, status: Status = "up", maintenance = false): Device {
  return { id, name: id, site, status, maintenance, address: "192.0.2.1", port: 161, vantage: "local", tags: [], status_evidence: [], interval_secs: 60, created_at: "", revision: 1 };
}
function link(a: string, b: string, status: Link["status"] = "up", load: number | null = 0.1): Carrying {
  const id = `${a}-${b}-${status}-${load}`;
  const end = { in_utilization: load };
  return { link: { id, status, a: { device_id: a }, b: { device_id: b }, confidence: 1, evidence: [], first_seen_at: "", last_seen_at: "" }, load: { link_id: id, a: end, b: end } };
}

const devices = [device("a1", "A"), device("a2", "A", "down"), device("a3", "A", "up", true), device("b1", "B"), device("b2", "B", "degraded"), device("x", null)];
const links = [link("a1", "a2", "down"), link("a1", "b1", "up", 0.3), link("b1", "a2", "up", 0.7), link("a3", "b2", "down"), link("x", "b1"), link("a1", "gone")];
const open = (...names: string[]): ReadonlySet<string> => new Set(names);

test("not folded, each device and each link is drawn; links to nobody are not", () => {
  const { nodes, edges } = graph(devices, links, { on: false, open: open() });
  expect(nodes.map((n) => n.id)).toEqual(["a1", "a2", "a3", "b1", "b2", "x"]);
  expect(edges).toHaveLength(5);
});

test("lines between the same two stand side by side, always in the same order", () => {
  const two = [link("a1", "b1", "up", 0.2), link("b1", "a1", "up", 0.9)];
  const draw = (all: Carrying[]) => graph(devices, all, { on: false, open: open() }).edges.map((e) => [e.id, e.nth, e.of, e.a]);
  expect(draw(two)).toEqual(draw([...two].reverse()));
  expect(draw(two).map(([, nth, of]) => `${nth} of ${of}`)).toEqual(["0 of 2", "1 of 2"]);
});

test("a line between two folded sites opens neither of them, nor a site of both their names", () => {
  const drawn = graph(devices, links, { on: true, open: open("B") });
  const folded = graph(devices, links, { on: true, open: open() });
  const line = folded.edges.find((edge) => edge.a === siteId("A") && edge.b === siteId("B"));
  expect(line?.id).toBe("site:A~site:B");
  expect(folded.edges.map((edge) => openedBy(folded, edge.id))).toEqual(folded.edges.map(() => null));
  expect(openedBy(folded, siteId("A"))).toEqual({ site: "A" });
  expect(openedBy(folded, siteId(""))).toEqual({ site: "" });
  expect(openedBy(drawn, "b1")).toEqual({ device: "b1" });
  expect(openedBy(folded, "b1")).toBeNull();
});

test("folded, a site stands for its devices and says the worst", () => {
  const { nodes, edges } = graph(devices, links, { on: true, open: open() });
  expect(nodes.map((n) => [n.id, n.label])).toEqual([[siteId("A"), "A"], [siteId("B"), "B"], [siteId(""), "No site"]]);
  const [a, b] = nodes;
  expect(a?.site?.counts).toEqual({ up: 1, degraded: 0, down: 1, unknown: 0, maintenance: 1 });
  expect(a?.site?.worst?.id).toBe("a2");
  expect(a?.site?.linksDown).toBe(1);
  expect(a?.state).toMatchObject({ look: "bad", word: "1 of 3 devices down" });
  expect(b?.state.word).toBe("1 of 2 devices degraded");
  const between = edges.find((e) => e.links.length === 3);
  expect(between).toMatchObject({ a: siteId("A"), b: siteId("B"), down: 1 });
  // The worst is first; the colour is of the busiest that carries something.
  expect(between?.links[0]?.link.status).toBe("down");
  expect(between && shownOf(between)?.link.id).toBe("b1-a2-up-0.7");
});

test("an open site shows its devices among the folded ones", () => {
  const { nodes, edges } = graph(devices, links, { on: true, open: open("A") });
  expect(nodes.map((n) => n.id)).toEqual(["a1", "a2", "a3", siteId("B"), siteId("")]);
  expect(edges.find((e) => e.a === "a1" && e.b === "a2")?.down).toBe(1);
  expect(edges.find((e) => e.a === "a1" && e.b === siteId("B"))?.links).toHaveLength(1);
});

test("where all links are down, a line is down", () => {
  const cut = [link("a1", "b1", "down"), link("a2", "b2", "down")];
  const [edge] = graph(devices, cut, { on: true, open: open() }).edges;
  expect(edge && shownOf(edge)?.link.status).toBe("down");
});

test("a large network begins folded, where there is something to fold by", () => {
  const many = (site: (i: number) => string | null) => Array.from({ length: 301 }, (_, i) => device(`d${i}`, site(i)));
  expect(foldsAtFirst(many((i) => `S${i % 9}`))).toBe(true);
  expect(foldsAtFirst(many(() => null))).toBe(false);
  expect(foldsAtFirst(devices)).toBe(false);
  expect(canFold(devices)).toBe(true);
  expect(canFold([device("a", "A"), device("b", "A")])).toBe(false);
});
