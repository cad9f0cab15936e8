import { expect, test } from "vitest";
import { tabByKey, tabOf } from "./tabs";

test.each([
  [null, "interfaces"],
  ["sensors", "sensors"],
  ["nonsense", "interfaces"],
  ["hardware", "storage"],
  ["network", "addresses"],
])("the address %s is the tab %s", (text, name) => expect(tabOf(text).name).toBe(name));

test.each([
  ["ArrowRight", "interfaces", "availability"],
  ["ArrowLeft", "interfaces", "objects"],
  ["ArrowRight", "objects", "interfaces"],
  ["Home", "vlans", "interfaces"],
  ["End", "vlans", "objects"],
  ["a", "vlans", null],
])("%s from %s goes to %s", (key, now, to) => expect(tabByKey(key, now)).toBe(to));
