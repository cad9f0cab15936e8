// What a scaling trigger says, what a form makes of one, and how KEDA reads it. Pure.

import type { ScalingTrigger, ScalingTriggerCreate, ScalingTriggerPatch } from "../../lib/api/shapes";
import { ABSENT, count, percent } from "../../lib/units";

export interface TriggerForm {
  name: string;
  seriesId: string;
  /** In per cent of the limit, or null where it is a value. */
  sharePercent: number | null;
  /** In the series' unit, or null where it is a share. */
  value: number | null;
  leadMinMinutes: number;
  leadMaxMinutes: number;
  clearBelowPercent: number;
  url: string;
  secret: string;
}

export function empty(seriesId: string): TriggerForm {
  return { name: "", seriesId, sharePercent: 80, value: null, leadMinMinutes: 10, leadMaxMinutes: 40, clearBelowPercent: 90, url: "", secret: "" };
}

/** Per cent without what a double adds: 0.29 is 29. */
const inPercent = (share: number): number => Number((share * 100).toPrecision(12));

/** What a form shows of a trigger; its secret is never shown. */
export function formOf(of: ScalingTrigger): TriggerForm {
  const { threshold } = of;
  return {
    name: of.name,
    seriesId: of.series_id,
    sharePercent: threshold.kind === "of_limit" ? inPercent(threshold.share) : null,
    value: threshold.kind === "value" ? threshold.value : null,
    leadMinMinutes: of.lead_min_secs / 60,
    leadMaxMinutes: of.lead_max_secs / 60,
    clearBelowPercent: inPercent(of.clear_below_share),
    url: of.webhook?.url ?? "",
    secret: "",
  };
}

export function bodyOf(form: TriggerForm): ScalingTriggerCreate {
  const url = form.url.trim();
  return {
    name: form.name,
    series_id: form.seriesId,
    threshold: form.value === null ? { kind: "of_limit", share: (form.sharePercent ?? 0) / 100 } : { kind: "value", value: form.value },
    lead_min_secs: Math.round(form.leadMinMinutes * 60),
    lead_max_secs: Math.round(form.leadMaxMinutes * 60),
    clear_below_share: form.clearBelowPercent / 100,
    webhook: url ? { url, ...(form.secret && { secret: form.secret }) } : null,
    enabled: true,
  };
}

/** What was changed in a form, and nothing else: another threshold or lead begins learning anew. */
export function changesOf(of: ScalingTrigger, form: TriggerForm): ScalingTriggerPatch {
  const before = formOf(of);
  const is = (...names: (keyof TriggerForm)[]): boolean => names.some((name) => form[name] !== before[name]);
  const body = bodyOf({ ...form, url: form.url.trim() });
  return {
    ...(is("name") && { name: form.name }),
    ...(is("sharePercent", "value") && body.threshold && { threshold: body.threshold }),
    ...(is("leadMinMinutes") && body.lead_min_secs !== undefined && { lead_min_secs: body.lead_min_secs }),
    ...(is("leadMaxMinutes") && body.lead_max_secs !== undefined && { lead_max_secs: body.lead_max_secs }),
    ...(is("clearBelowPercent") && body.clear_below_share !== undefined && { clear_below_share: body.clear_below_share }),
    ...(is("url", "secret") && body.webhook !== undefined && { webhook: body.webhook }),
  };
}

/** How many of its raises came true, and what it missed: `12 of 14 came true, 1 missed`. */
export function record(of: Pick<ScalingTrigger, "tally">): string {
  const { came, false_raises, missed } = of.tally;
  if (came + false_raises + missed === 0) return ABSENT;
  return `${count(came)} of ${count(came + false_raises)} came true, ${count(missed)} missed`;
}

/** Mean seconds between raising and overload of those that came; null where none did. */
export function meanLeadSecs(of: Pick<ScalingTrigger, "tally">): number | null {
  const { came, lead_secs_sum } = of.tally;
  return came > 0 ? lead_secs_sum / came : null;
}

/** Where it stands: `raised`, `clear`, `learning`, or `not enabled`. */
export function standing(of: Pick<ScalingTrigger, "state" | "enabled" | "is_stale">): string {
  if (!of.enabled) return "not enabled";
  return of.is_stale && of.state !== "learning" ? `${of.state}, nothing of late` : of.state;
}

/** How sure it is: `62 %`. */
export function sure(of: Pick<ScalingTrigger, "raised">): string {
  return of.raised ? percent(of.raised.probability) : ABSENT;
}

/** A quarter of a threshold, in three digits: that of a share is one too. Where it is not known, 1. */
export function aQuarter(threshold: number | null | undefined): number {
  return Number(((threshold ?? 4) / 4).toPrecision(3));
}

/** The part of a ScaledObject that reads a trigger. */
export function keda(origin: string, id: string, perReplica: number): string {
  return [
    "triggers:",
    "  - type: metrics-api",
    "    metadata:",
    `      url: "${origin}/api/v1/scaling/${id}/metric"`,
    '      valueLocation: "forecast_max"',
    `      targetValue: "${perReplica}"`,
    '      authMode: "apiKey"',
    '      method: "header"',
    '      keyParamName: "X-API-Key"',
    "    authenticationRef:",
    "      name: foretell",
  ].join("\n");
}
