// What the form of a rule for new devices sends, and how a rule is told. Pure.

import type { DiscoveryRule, DiscoveryRuleCreate, DiscoveryRulePatch } from "../../lib/api/shapes";
import { duration } from "../../lib/units";
import { listed } from "./discoveryform";

/** The patterns of a condition, and what each is held against. */
export const PATTERNS = [
  { name: "name", label: "Name" },
  { name: "vendor", label: "Vendor" },
  { name: "model", label: "Model" },
  { name: "os", label: "Operating system" },
  { name: "kind", label: "Kind" },
  { name: "object_id", label: "sysObjectID" },
  { name: "description", label: "Description" },
] as const;
export type PatternName = (typeof PATTERNS)[number]["name"];

export interface RuleForm {
  name: string;
  order: number;
  enabled: boolean;
  goesOn: boolean;
  networks: string;
  patterns: Record<PatternName, string>;
  source: "" | "target" | "neighbor";
  verdict: "" | "register" | "ignore";
  tags: string;
  intervalSecs: number | null;
  site: string;
  location: string;
  profile: string;
  /** What the form does not show, and keeps. */
  kept: { credential_ids: string[]; schedule_ids: string[] };
}

const NO_PATTERNS: Record<PatternName, string> = { name: "", vendor: "", model: "", os: "", kind: "", object_id: "", description: "" };

export function empty(order = 100): RuleForm {
  return {
    name: "", order, enabled: true, goesOn: false, networks: "", patterns: { ...NO_PATTERNS }, source: "",
    verdict: "", tags: "", intervalSecs: null, site: "", location: "", profile: "", kept: { credential_ids: [], schedule_ids: [] },
  };
}

/** The place of a rule behind all others. */
export function nextOrder(rules: readonly DiscoveryRule[]): number {
  return Math.min(1_000_000, rules.reduce((most, rule) => Math.max(most, rule.order), 0) + 10);
}

export function formOf({ name, order, enabled, condition, actions, ...rule }: DiscoveryRule): RuleForm {
  const sources = condition.sources ?? [];
  return {
    name, order, enabled, goesOn: rule.continue,
    networks: (condition.networks ?? []).join("\n"),
    patterns: Object.fromEntries(PATTERNS.map((one) => [one.name, condition[one.name] ?? ""])) as Record<PatternName, string>,
    source: sources.length === 1 ? (sources[0] ?? "") : "",
    verdict: actions.verdict ?? "",
    tags: (actions.tags ?? []).join(", "),
    intervalSecs: actions.interval_secs ?? null,
    site: actions.site ?? "",
    location: actions.location ?? "",
    profile: actions.profile ?? "",
    kept: { credential_ids: condition.credential_ids ?? [], schedule_ids: condition.schedule_ids ?? [] },
  };
}

/** What is sent, to make one and to change one alike. */
export function bodyOf(form: RuleForm): DiscoveryRuleCreate & DiscoveryRulePatch {
  const patterns = PATTERNS.flatMap(({ name }) => (form.patterns[name].trim() === "" ? [] : [[name, form.patterns[name].trim()]]));
  const tags = form.tags.split(",").map((tag) => tag.trim()).filter(Boolean);
  return {
    name: form.name.trim(),
    order: form.order,
    enabled: form.enabled,
    continue: form.goesOn,
    condition: { networks: listed(form.networks), ...(Object.fromEntries(patterns) as Partial<Record<PatternName, string>>), sources: form.source === "" ? [] : [form.source], ...form.kept },
    actions: {
      tags,
      ...(form.verdict !== "" && { verdict: form.verdict }),
      ...(form.intervalSecs !== null && { interval_secs: form.intervalSecs }),
      ...(form.site.trim() !== "" && { site: form.site.trim() }),
      ...(form.location.trim() !== "" && { location: form.location.trim() }),
      ...(form.profile.trim() !== "" && { profile: form.profile.trim() }),
    },
  };
}

/** `vendor Cisco*, in 192.0.2.0/24`. */
export function conditionInWords({ condition }: Pick<DiscoveryRule, "condition">): string {
  const words: string[] = PATTERNS.flatMap(({ name, label }) => (condition[name] ? [`${label === "sysObjectID" ? label : label.toLowerCase()} ${condition[name]}`] : []));
  const networks = condition.networks ?? [];
  if (networks.length > 0) words.push(`in ${networks.slice(0, 3).join(", ")}${networks.length > 3 ? ` and ${networks.length - 3} more` : ""}`);
  const sources = condition.sources ?? [];
  if (sources.length === 1) words.push(sources[0] === "target" ? "a target" : "told of by a neighbour");
  if ((condition.credential_ids ?? []).length > 0) words.push("answers to chosen credentials");
  if ((condition.schedule_ids ?? []).length > 0) words.push("found by chosen schedules");
  return words.length === 0 ? "every device" : words.join(", ");
}

/** `ignore`, `register, tag lab, poll every 5 min`. */
export function actionsInWords({ actions }: Pick<DiscoveryRule, "actions">): string {
  const words: string[] = actions.verdict ? [actions.verdict] : [];
  if ((actions.tags ?? []).length > 0) words.push(`tag ${(actions.tags ?? []).join(", ")}`);
  if (actions.interval_secs) words.push(`poll every ${duration(actions.interval_secs * 1000)}`);
  if (actions.site) words.push(`site ${actions.site}`);
  if (actions.location) words.push(`location ${actions.location}`);
  if (actions.profile) words.push(`profile ${actions.profile}`);
  return words.length === 0 ? "nothing" : words.join(", ");
}
