import { expect, test } from "vitest";
import { objectsOf, proofOf, titleOf } from "./traps";

test("a trap is called by its name, else by its OID", () => {
  expect(titleOf({ name: "linkDown", trap_oid: "1.3.6.1.6.3.1.1.5.3" })).toBe("linkDown");
  expect(titleOf({ name: null, trap_oid: "1.3.6.1.4.1.9.0.1" })).toBe("1.3.6.1.4.1.9.0.1");
});

test.each([
  [{ version: "v2c", confirmed: false, user: null, protection: "community" }, "v2c trap, community"],
  [{ version: "v3", confirmed: true, user: "ops", protection: "auth_priv" }, "v3 inform by ops, authenticated, enciphered"],
  [{ version: "v3", confirmed: false, user: "ops", protection: "new" }, "v3 trap by ops, new"],
])("%o came as %s", (trap, words) => expect(proofOf(trap)).toBe(words));

test("objects are shown once, and the interface is not told twice", () => {
  const object = (oid: string, name: string | null, value: string) => ({ oid, name, value, kind: "INTEGER" });
  const objects = [object("1.1", "ifIndex.3", "3"), object("1.8", "ifOperStatus.3", "down (2)"), object("1.8", "ifOperStatus.3", "down (2)"), object("1.9", null, "x")];
  expect(objectsOf({ objects, interface_id: "i" }).map((o) => `${o.name} ${o.value}`)).toEqual(["ifOperStatus.3 down (2)", "1.9 x"]);
  expect(objectsOf({ objects, interface_id: null })).toHaveLength(3);
});
