import { expect, test } from "vitest";
import { Failure } from "../../lib/api/call";
import { ofAnswer, ofFailure, tooLong } from "./selectorform";

test("octets are counted, not characters", () => {
  expect(tooLong("é".repeat(2048))).toBeNull();
  expect(tooLong("é".repeat(2049))).toBe("4098 octets; 4096 are taken");
});

test("what it means is told by the first series", () => {
  const series = { id: "s", metric: "ifHCInOctets", unit: "octets", kind: "counter" as const, labels: { device_id: "d", interface_id: "i", interface: "eth0", vantage: "local" } };
  expect(ofAnswer({ items: [series], next_cursor: "more" })).toEqual({ state: "means", none: false, words: "ifHCInOctets (interface eth0) and others" });
  expect(ofAnswer({ items: [{ ...series, labels: {} }] })).toEqual({ state: "means", none: false, words: "ifHCInOctets, nothing else" });
  expect(ofAnswer({ items: [] })).toMatchObject({ none: true });
});

test("a fault is told with its place", () => {
  const problem = { type: "about:blank", title: "A query parameter is wrong", status: 400 };
  const failure = new Failure({ ...problem, errors: [{ pointer: "?match", detail: "at character 14: a value in double quotes is expected" }] });
  expect(ofFailure(failure)).toEqual({ state: "wrong", detail: "at character 14: a value in double quotes is expected" });
  expect(ofFailure(new Failure(problem))).toEqual({ state: "wrong", detail: "A query parameter is wrong" });
});
