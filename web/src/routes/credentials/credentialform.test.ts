import { expect, test } from "vitest";
import { bodyOf, EMPTY } from "./credentialform";

test("only what the kind has is sent", () => {
  expect(bodyOf({ ...EMPTY, community: "c", user: "left over" })).toEqual({ name: "SNMPv2c", kind: "snmp_v2c", community: "c" });
  expect(bodyOf({ ...EMPTY, kind: "snmp_v3", user: "u", auth: "", privacyPass: "left over" })).toEqual({ name: "SNMPv3 u", kind: "snmp_v3", user: "u" });
});
