import { expect, test } from "vitest";
import type { Check, CheckProbe } from "../../lib/api/shapes";
import { bodyOf, empty, formOf, measured, targetOf } from "./checkform";

test("a target begins at the device's address", () => {
  expect([targetOf("tcp", "2001:db8::1"), targetOf("http", "192.0.2.1"), targetOf("ntp", "2001:db8::1")]).toEqual(["[2001:db8::1]:22", "https://192.0.2.1/", "2001:db8::1"]);
  expect(bodyOf({ ...empty("192.0.2.1"), name: " ssh " }, "d")).toMatchObject({ device_id: "d", name: "ssh", target: "192.0.2.1:22", probe: { kind: "tcp" } });
});

test.each<CheckProbe>([
  { kind: "tcp" },
  { kind: "http", status: 200, text: "hello", redirects_max: 2, though_untrusted: true, certificate_days: 30 },
  { kind: "dns", name: "a.example", record: "MX", expected: ["10 mail.example"] },
  { kind: "ntp", offset_max_ms: 50, stratum_max: 4, root_dispersion_max_ms: null },
])("a form of a check sends that check: $kind", (probe) => {
  const check = { name: "c", target: "t", probe, interval_secs: 30, timeout_ms: 100, slow_ms: 5, enabled: false } as Check;
  const { device_id, ...sent } = bodyOf(formOf(check), "d");
  expect([device_id, sent]).toEqual(["d", check]);
});

test("what was measured, in words", () => {
  const none = { duration_secs: null, certificate_expiry_secs: null, ntp_offset_secs: null };
  expect(measured(none)).toEqual([]);
  expect(measured({ ...none, duration_secs: 0.0012, certificate_expiry_secs: -5, ntp_offset_secs: -0.0005 })).toEqual(["1.2\u202fms", "certificate has ended", "offset -0.500\u202fms"]);
});
