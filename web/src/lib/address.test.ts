import { expect, test } from "vitest";
import { match, withQuery } from "./address";

test.each([
  ["/", "/", {}],
  ["/devices", "/devices", {}],
  ["/devices", "/devices/", {}],
  ["/devices/:id", "/devices/42", { id: "42" }],
  ["/devices/:id", "/devices", null],
  ["/devices/:id", "/devices/%zz", null],
  ["/links", "/devices", null],
])("match %s %s", (pattern, path, expected) => {
  expect(match(pattern, path)).toEqual(expected);
});

test("a query is changed in place and emptied parts are left out", () => {
  const place = { path: "/devices", query: new URLSearchParams("status=down&q=ams") };
  expect(withQuery(place, { q: null, sort: "-name" })).toBe("/devices?status=down&sort=-name");
  expect(withQuery(place, { q: "", status: undefined })).toBe("/devices");
});
