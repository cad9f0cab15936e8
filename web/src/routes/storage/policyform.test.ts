import { expect, test } from "vitest";
import type { RetentionPolicy } from "../../lib/api/shapes";
import { bodyOf, changeOf, EMPTY, formOf, inOrder, patchOf, whichInWords } from "./policyform";

const policy = (id: string, more: Partial<RetentionPolicy> = {}): RetentionPolicy => ({
  id, name: id, metrics: [], device_tags: [], level: "raw", keep_days: 30, priority: 100, without_archive: false, built_in: false, revision: 1, ...more,
});
const builtIn = policy("built-in", { built_in: true, priority: 0, keep_days: 400, revision: 0 });

test("a form of a policy sends that policy", () => {
  const one = policy("a", { metrics: ["if.{1,3}Errors", "icmp_.*"], device_tags: ["lab", "test"] });
  const { name, metrics, device_tags, level, keep_days, priority, without_archive } = one;
  expect(bodyOf(formOf(one))).toEqual({ name, metrics, device_tags, level, keep_days, priority, without_archive });
  expect(bodyOf({ ...EMPTY, name: " a ", metrics: "\n x \nx\n", tags: "," })).toMatchObject({ name: "a", metrics: ["x"], device_tags: [] });
});

test("where there is an archive, whether it is waited for is kept", () => {
  const one = policy("a", { without_archive: true });
  expect(bodyOf(formOf(one)).without_archive).toBe(true);
});

test("of a built-in one the days alone are sent", () => {
  expect(patchOf({ ...formOf(builtIn), days: 500 }, builtIn)).toEqual({ keep_days: 500 });
  expect(patchOf(formOf(policy("a")), policy("a"))).toMatchObject({ name: "a", priority: 100 });
});

test("they stand in the order in which they decide", () => {
  const all = [builtIn, policy("hour", { level: "1h" }), policy("low", { priority: 5 }), policy("long", { keep_days: 90 }), policy("short")];
  expect(inOrder(all).map((one) => one.id)).toEqual(["long", "short", "low", "built-in", "hour"]);
});

test("a dry run is of the change that saving would make", () => {
  expect(changeOf({ ...EMPTY, days: 9 }, null)).toEqual({ create: bodyOf({ ...EMPTY, days: 9, name: "this policy" }) });
  expect(changeOf({ ...EMPTY, name: "a2" }, policy("a"))).toEqual({ policy_id: "a", patch: bodyOf({ ...EMPTY, name: "a2" }) });
  expect(changeOf({ ...formOf(builtIn), days: 10 }, builtIn)).toEqual({ policy_id: "built-in", patch: { keep_days: 10 } });
});

test("which series, in words", () => {
  expect(whichInWords(policy("a"))).toBe("all series");
  expect(whichInWords(policy("a", { metrics: ["a", "b", "c", "d"], device_tags: ["x", "y"] }))).toBe("a, b, c and 1 more of devices with x or y");
});
