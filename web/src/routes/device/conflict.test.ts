import { expect, test } from "vitest";
import { metInWords } from "./conflict";

const NOTHING = {
  name: null,
  description: null,
  vendor: null,
  model: null,
  os: null,
  os_version: null,
  kind: null,
  location: null,
  serial: null,
  engine_id: null,
  chassis_id: null,
  base_mac: null,
};

test("what answers in a device's place is told by what it says", () => {
  const words = (met: object) => metInWords({ met: { ...NOTHING, ...met } });
  expect(words({ name: "r2", vendor: "Acme", model: "X100", serial: "B2" })).toBe("r2, Acme X100, serial number B2");
  expect(words({ vendor: "Acme", engine_id: "80001f88" })).toBe("Acme");
  expect(words({ engine_id: "80001f88" })).toBe("SNMP engine id 80001f88");
  expect(words({})).toBe("a device that says little of itself");
});
