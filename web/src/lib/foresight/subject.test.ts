import { expect, it } from "vitest";
import { called, chartOf, valued } from "./subject";

const port = { metric: "ifHCInOctets", unit: "octets/s", labels: { interface_id: "i" }, device_id: "d", device_name: "core1", interface_id: "i", interface_name: "eth0" };

it("names a series by what people know", () => {
  expect(called(port)).toBe("core1 eth0, traffic in");
  expect(called({ ...port, metric: "storage_used", labels: { storage: "/var" }, interface_id: null, interface_name: null })).toBe("core1 /var, storage");
});
it("names an application by its interface and way", () => {
  const application = { ...port, metric: "flow_octet_rate", unit: "octets_per_second", labels: { interface_id: "i", direction: "egress", application: "tcp/443" } };
  expect(called({ ...application, application_name: "https" })).toBe("core1 eth0, https (tcp/443) sent");
  expect(called({ ...application, labels: { if_index: "0", direction: "ingress", application: "other" }, interface_id: null, interface_name: null })).toBe("core1, other received");
  expect(valued(125_000, application.unit)).toMatch(/^1.Mbit\/s$/);
});
it("leads to its chart and writes its values", () => {
  expect(chartOf(port)).toBe("/devices/d?range=30d&ahead=same&if=i");
  expect(valued(125_000, "octets/s")).toMatch(/^1.Mbit\/s$/);
  expect(valued(null, "octets/s")).toBe("–");
});
