import { expect, test } from "vitest";
import { bodyOf, EMPTY, KINDS } from "./metricform";

test("a state has no unit, and nothing is sent with blanks around it", () => {
  expect(bodyOf({ name: " queue_depth ", unit: " messages ", kind: "gauge", help: " waits " })).toEqual({ name: "queue_depth", unit: "messages", kind: "gauge", help: "waits" });
  expect(bodyOf({ ...EMPTY, name: "door", unit: "left over", kind: "state" }).unit).toBe("");
  expect(KINDS.map((one) => one.kind)).toEqual(["gauge", "counter", "state"]);
});
