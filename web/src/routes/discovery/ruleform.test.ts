import { expect, test } from "vitest";
import type { DiscoveryRule } from "../../lib/api/shapes";
import { actionsInWords, bodyOf, conditionInWords, empty, formOf, nextOrder } from "./ruleform";

const rule: DiscoveryRule = {
  id: "r", name: "lab", order: 20, enabled: true, continue: true, created_at: "", revision: 1,
  condition: { networks: ["192.0.2.0/24"], vendor: "Cisco*", sources: ["neighbor"], credential_ids: ["c"], schedule_ids: [] },
  actions: { verdict: "ignore", tags: ["a", "b"], interval_secs: 300, site: "HQ", profile: "acme" },
};

test("an empty form sends a rule for every device", () => {
  expect(bodyOf({ ...empty(), name: " a " })).toEqual({
    name: "a", order: 100, enabled: true, continue: false,
    condition: { networks: [], sources: [], credential_ids: [], schedule_ids: [] }, actions: { tags: [] },
  });
});

test("a form of a rule sends that rule, also what it does not show", () => {
  const { name, order, enabled, condition, actions } = rule;
  expect(bodyOf(formOf(rule))).toEqual({ name, order, enabled, continue: true, condition, actions });
});

test("a rule in words", () => {
  expect(conditionInWords(rule)).toBe("vendor Cisco*, in 192.0.2.0/24, told of by a neighbour, answers to chosen credentials");
  expect(actionsInWords(rule)).toBe("ignore, tag a, b, poll every 5\u202fmin, site HQ, profile acme");
  expect([conditionInWords({ condition: {} }), actionsInWords({ actions: {} })]).toEqual(["every device", "nothing"]);
});

test("a new rule comes behind the others", () => {
  expect([nextOrder([]), nextOrder([rule]), nextOrder([{ ...rule, order: 1_000_000 }])]).toEqual([10, 30, 1_000_000]);
});
