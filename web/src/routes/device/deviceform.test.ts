import { expect, test } from "vitest";
import { bodyOf, filled, tagsOf } from "./deviceform";

test("a new device sends what was typed and nothing empty", () => {
  const form = { ...filled(undefined), address: " 192.0.2.1 ", tags: "core, edge core" };
  expect(bodyOf(form)).toEqual({
    address: "192.0.2.1",
    port: 161,
    tags: ["core", "edge"],
    interval_secs: 60,
    maintenance: false,
  });
});

test("a change sends only what changed; an emptied field becomes null", () => {
  const before = { ...filled(undefined), name: "a", address: "192.0.2.1", site: "ams" };
  expect(bodyOf({ ...before, site: "", interval_secs: 5 }, before)).toEqual({ site: null, interval_secs: 5 });
  expect(bodyOf(before, before)).toEqual({});
});

test("tags", () => expect(tagsOf(" b,a  a,")).toEqual(["a", "b"]));
