// What the form of a metric of one's own sends. Pure.

import type { MetricType, MetricTypeCreate } from "../../lib/api/shapes";

export const KINDS: readonly { kind: MetricType["kind"]; name: string }[] = [
  { kind: "gauge", name: "gauge: goes up and down" },
  { kind: "counter", name: "counter: only goes up" },
  { kind: "state", name: "state: a number that stands for one" },
];

export const EMPTY: MetricTypeCreate = { name: "", unit: "", kind: "gauge", help: "" };

/** A state has no unit. */
export function bodyOf(form: MetricTypeCreate): MetricTypeCreate {
  return { name: form.name.trim(), unit: form.kind === "state" ? "" : form.unit.trim(), kind: form.kind, help: form.help.trim() };
}
