// What the form of a policy sends, how a policy is told, and what a dry run is asked with. Pure.

import type { RetentionLevel, RetentionPolicy, RetentionPolicyChange, RetentionPolicyCreate, RetentionPolicyPatch } from "../../lib/api/shapes";
import { LEVELS } from "./sizes";

export const DAYS_MAX = 36_525;
export const PRIORITY_MAX = 1_000_000;

export interface PolicyForm {
  name: string;
  level: RetentionLevel;
  /** One a line: an expression may have commas. */
  metrics: string;
  tags: string;
  days: number;
  priority: number;
  /** What is over goes also where it is not archived. */
  withoutArchive: boolean;
}

export const EMPTY: PolicyForm = { name: "", level: "raw", metrics: "", tags: "", days: 30, priority: 100, withoutArchive: false };

export function formOf(policy: RetentionPolicy): PolicyForm {
  return { name: policy.name, level: policy.level, metrics: policy.metrics.join("\n"), tags: policy.device_tags.join(", "), days: policy.keep_days, priority: policy.priority, withoutArchive: policy.without_archive };
}

export function bodyOf(form: PolicyForm): RetentionPolicyCreate {
  return { name: form.name.trim(), level: form.level, metrics: parts(form.metrics, "\n"), device_tags: parts(form.tags, ","), keep_days: form.days, priority: form.priority, without_archive: form.withoutArchive };
}

/** Of a built-in policy only the days can be changed. */
export function patchOf(form: PolicyForm, policy: RetentionPolicy): RetentionPolicyPatch {
  return policy.built_in ? { keep_days: form.days } : bodyOf(form);
}

function parts(text: string, between: string): string[] {
  return [...new Set(text.split(between).map((part) => part.trim()).filter(Boolean))];
}

const rank = (policy: RetentionPolicy): number => LEVELS.findIndex((one) => one.level === policy.level);

/** In the order in which they decide, level by level: the greatest priority first, the built-in one last. */
export function inOrder(policies: readonly RetentionPolicy[]): RetentionPolicy[] {
  return [...policies].sort((a, b) => rank(a) - rank(b) || Number(a.built_in) - Number(b.built_in) || b.priority - a.priority || b.keep_days - a.keep_days || a.name.localeCompare(b.name, "en"));
}

/** The change of a dry run, as saving the form would make it: of `policy`, or of none that there is. */
export function changeOf(form: PolicyForm, policy: RetentionPolicy | null): RetentionPolicyChange {
  if (policy) return { policy_id: policy.id, patch: patchOf(form, policy) };
  return { create: bodyOf({ ...form, name: form.name.trim() || "this policy" }) };
}

/** `all series`, `if.*Errors of devices with lab or test`. */
export function whichInWords({ metrics, device_tags }: Pick<RetentionPolicy, "metrics" | "device_tags">): string {
  const what = metrics.length === 0 ? "all series" : metrics.slice(0, 3).join(", ") + (metrics.length > 3 ? ` and ${metrics.length - 3} more` : "");
  return device_tags.length === 0 ? what : `${what} of devices with ${device_tags.join(" or ")}`;
}
