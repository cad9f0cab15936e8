import { expect, test } from "vitest";
import { createOf, filled, patchOf, tagsOf } from "./deviceform";

test("a new device sends what was typed; what is empty is null", () => {
  const form = { ...filled(undefined), address: " 192.0.2.1 ", tags: "core, edge core" };
  expect(createOf(form)).toEqual({
    name: null,
    site: null,
    location: null,
    credential_id: null,
    address: "192.0.2.1",
    port: 161,
    tags: ["core", "edge"],
    profile: null,
    interval_secs: null,
    maintenance: false,
  });
});

test("a change sends only what changed; an emptied field becomes null", () => {
  const before = { ...filled(undefined), name: "a", address: "192.0.2.1", site: "ams" };
  expect(patchOf({ ...before, site: "", interval_secs: 5 }, before)).toEqual({ site: null, interval_secs: 5 });
  expect(patchOf({ ...before, profile: " acme " }, before)).toEqual({ profile: "acme" });
  expect(patchOf(before, { ...before, profile: "acme" })).toEqual({ profile: null });
  expect(patchOf(before, before)).toEqual({});
});

test("tags", () => expect(tagsOf(" b,a  a,")).toEqual(["a", "b"]));
