import { expect, test } from "vitest";
import type { RetentionPolicy } from "../../lib/api/shapes";
import { bodyOf, EMPTY, formOf, inOrder, patchOf, tried, whichInWords, without } from "./policyform";

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
  expect(without([one, policy("b", { without_archive: false })], policy("x")).map((each) => each.without_archive)).toEqual([true, false]);
});

test("of a built-in one the days alone are sent", () => {
  expect(patchOf({ ...formOf(builtIn), days: 500 }, builtIn)).toEqual({ keep_days: 500 });
  expect(patchOf(formOf(policy("a")), policy("a"))).toMatchObject({ name: "a", priority: 100 });
});

test("they stand in the order in which they decide", () => {
  const all = [builtIn, policy("hour", { level: "1h" }), policy("low", { priority: 5 }), policy("long", { keep_days: 90 }), policy("short")];
  expect(inOrder(all).map((one) => one.id)).toEqual(["long", "short", "low", "built-in", "hour"]);
});

test("a dry run has the draft first and the others after it", () => {
  const all = [builtIn, policy("a"), policy("b")];
  expect(tried(all, bodyOf({ ...EMPTY, name: "new" }), null).map((one) => one.name)).toEqual(["new", "a", "b"]);
  expect(tried(all, bodyOf({ ...EMPTY, name: "a2" }), policy("b")).map((one) => one.name)).toEqual(["a2", "a"]);
  expect(without(all, policy("a")).map((one) => one.name)).toEqual(["b"]);
});

test("days of a built-in policy are tried by one that comes after all others", () => {
  const all = [builtIn, policy("a", { priority: 1_000_000 }), policy("b", { priority: 1 }), policy("c", { priority: 1 })];
  const got = tried(all, bodyOf({ ...formOf(builtIn), days: 10 }), builtIn);
  expect(got.map((one) => [one.name, one.priority, one.keep_days])).toEqual([["built-in", 1, 10], ["a", 3, 30], ["b", 2, 30], ["c", 2, 30]]);
});

test("which series, in words", () => {
  expect(whichInWords(policy("a"))).toBe("all series");
  expect(whichInWords(policy("a", { metrics: ["a", "b", "c", "d"], device_tags: ["x", "y"] }))).toBe("a, b, c and 1 more of devices with x or y");
});
