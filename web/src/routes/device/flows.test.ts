import { expect, test } from "vitest";
import { choice, DIMENSIONS, emptyText, errorText, rowName, samplingText, seriesOf, troubles } from "./flows";

test("an address that asks for no dimension there is gets the first", () => {
  expect(choice(DIMENSIONS, "as")).toBe("as");
  expect(choice(DIMENSIONS, "colour")).toBe("application");
  expect(choice(DIMENSIONS, null)).toBe("application");
});

test.each([
  ["application", "tcp/443", "https", "https (tcp/443)"],
  ["application", "icmp", null, "icmp"],
  ["host", "192.0.2.1", "core", "core (192.0.2.1)"],
  ["conversation", "10.0.0.1 10.0.0.2 tcp/443", "https", "10.0.0.1 → 10.0.0.2, https"],
  ["conversation", "10.0.0.1 10.0.0.2 icmp", null, "10.0.0.1 → 10.0.0.2, icmp"],
  ["as", "64496", null, "AS 64496"],
  ["as", "0", null, "AS not told"],
  ["dscp", "46", "EF", "46 (EF)"],
] as const)("a row of %s %s is called what people call it", (by, key, name, text) => expect(rowName(by, { key, name })).toBe(text));

test("the series of an application is named by its labels", () => {
  expect(seriesOf("i1", "egress", "tcp/443")).toBe('flow_octet_rate{interface_id="i1",direction="egress",application="tcp/443"}');
});

test("an exact number has no error, another says how much it may lack", () => {
  expect(errorText({ octets: 5, octets_error: 0 })).toBeNull();
  expect(errorText({ octets: 5, octets_error: 2048 })).toBe("+2\u202fKiB at most");
});

test("sampling is said, also where the exporter does not say it", () => {
  const stated = { rate_min: 100, rate_max: 100, unstated_flows: 0 };
  expect(samplingText(stated, 10)).toContain("one packet in 100;");
  expect(samplingText({ ...stated, rate_min: 10 }, 10)).toContain("one packet in 10 to 100;");
  expect(samplingText({ rate_min: 1, rate_max: 1, unstated_flows: 0 }, 10)).toBe("Not sampled.");
  expect(samplingText({ rate_min: 0, rate_max: 0, unstated_flows: 10 }, 10)).toMatch(/^The exporter does not say/);
  expect(samplingText({ ...stated, unstated_flows: 5 }, 10)).toMatch(/^Sampled.* For 50/);
  expect(samplingText(stated, 0)).toBe("");
});

test("what is wrong with an exporter is said in words", () => {
  expect(troubles({ templates_waited_for: [{ domain: 1, template: 256, sets: 3 }], defects: [{ kind: "flows_lost", count: 1200 }] })).toEqual([
    "waits for template 256 of domain 1 (3 sets unread)",
    "1,200 flows were lost on the way",
  ]);
});

test("where there are no flows it says what to do", () => {
  const listener = { protocol: "netflow", address: "0.0.0.0:2055", error: null };
  expect(emptyText([], [], "192.0.2.1")).toContain("listen_netflow");
  expect(emptyText([{ ...listener, error: "in use" }], [], "192.0.2.1")).toContain("in use");
  expect(emptyText([listener], [], "192.0.2.1")).toContain("to 0.0.0.0:2055, from 192.0.2.1");
});
