import { expect, test } from "vitest";
import type { Device } from "../../lib/api/shapes";
import { listQuery, nextSort, patched, sortOf } from "./devicelist";

test.each([
  ["", { status: undefined }],
  ["state=down&q=a", { status: "down", q: "a" }],
  ["state=nonsense", { status: undefined }],
])("filter %s", (address, expected) => {
  expect(listQuery(new URLSearchParams(address))).toMatchObject(expected);
});

test("an unknown sort is the default one", () => {
  expect(sortOf(new URLSearchParams("sort=-site"))).toBe("-site");
  expect(sortOf(new URLSearchParams("sort=colour"))).toBe("name");
  expect(nextSort("name", "name")).toBe("-name");
  expect(nextSort("-name", "name")).toBe("name");
  expect(nextSort("-name", "site")).toBe("site");
});

test("a change moves no row", () => {
  const rows = [{ id: "a", status: "up" }, { id: "b", status: "up" }] as Device[];
  expect(patched(rows, { id: "b", status: "down" }).map((r) => r.status)).toEqual(["up", "down"]);
  expect(patched(rows, { id: "c" })).toBe(rows);
});
