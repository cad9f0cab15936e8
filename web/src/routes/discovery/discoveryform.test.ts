import { expect, test } from "vitest";
import { EMPTY, faultOf, listed, requestOf } from "./discoveryform";

test("targets may be typed in any list", () => {
  expect(listed(" 192.0.2.0/24,\n192.0.2.10-192.0.2.40  host:1161;")).toEqual(["192.0.2.0/24", "192.0.2.10-192.0.2.40", "host:1161"]);
});

test("a request names everything that the server has a default for", () => {
  expect(requestOf({ ...EMPTY, targets: "192.0.2.1" })).toEqual({
    targets: ["192.0.2.1"],
    methods: ["icmp", "snmp", "neighbors"],
    credential_ids: [],
    allowed_networks: [],
    port: 161,
    max_hops: 8,
    register: true,
  });
});

test("a fault of a target says which target, wherever the request stands", () => {
  const errors = [{ pointer: "/request/targets/1", detail: "it is no network" }, { pointer: "/name", detail: "it is taken" }];
  expect(faultOf(errors, "/request/targets", "192.0.2.1 nonsense")).toBe("nonsense: it is no network");
  expect(faultOf(errors, "/targets", "a b")).toBeUndefined();
  expect(faultOf(errors, "/name")).toBe("it is taken");
});
