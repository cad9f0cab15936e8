import { expect, it } from "vitest";
import { called, chartOf, valued } from "./subject";

const port = { metric: "ifHCInOctets", unit: "octets/s", labels: { interface_id: "i" }, device_id: "d", device_name: "core1", interface_id: "i", interface_name: "eth0" };

it("names a series by what people know", () => {
  expect(called(port)).toBe("core1 eth0, traffic in");
  expect(called({ ...port, metric: "storage_used", labels: { storage: "/var" }, interface_id: null, interface_name: null })).toBe("core1 /var, storage");
});
it("leads to its chart and writes its values", () => {
  expect(chartOf(port)).toBe("/devices/d?range=30d&ahead=same&if=i");
  expect(valued(125_000, "octets/s")).toMatch(/^1.Mbit\/s$/);
  expect(valued(null, "octets/s")).toBe("–");
});
