// What the dialogue of maintenance sends, and how a maintenance is told. Pure.

import type { Device, MaintenanceRequest } from "../api/shapes";
import { ABSENT, duration, instant } from "../units";

const HOUR_MS = 3_600_000;

/** When it ends: after so long, at an instant, or not by itself. */
export const ENDS: readonly { value: string; label: string; ms: number | null }[] = [
  { value: "1h", label: "in 1 hour", ms: HOUR_MS },
  { value: "4h", label: "in 4 hours", ms: 4 * HOUR_MS },
  { value: "1d", label: "in a day", ms: 24 * HOUR_MS },
  { value: "at", label: "at a time", ms: null },
  { value: "open", label: "when I end it", ms: null },
];

export interface MaintenanceForm {
  ends: string;
  /** As the browser's field writes it, local time: `2026-03-01T18:00`. */
  at: string;
  reason: string;
}

export const EMPTY: MaintenanceForm = { ends: "4h", at: "", reason: "" };

/** Which devices are meant. */
export type Which = { device_ids: string[] } | { site: string } | { tag: string };

/** The instant at which it ends; null where it does not end by itself, undefined where it cannot be read. */
export function endOf(form: MaintenanceForm, nowMs: number): string | null | undefined {
  const choice = ENDS.find((end) => end.value === form.ends);
  if (choice?.ms) return new Date(nowMs + choice.ms).toISOString();
  if (choice?.value !== "at") return null;
  const at = new Date(form.at);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}

/** What is sent; null where the form is not complete. */
export function requestOf(form: MaintenanceForm, which: Which, nowMs: number): MaintenanceRequest | null {
  const until = endOf(form, nowMs);
  if (until === undefined) return null;
  const reason = form.reason.trim();
  return { ...which, maintenance: true, until, reason: reason === "" ? null : reason };
}

/** `since 14:02, until 18:00 (3 h 10 min left): new line card`. */
export function told(device: Pick<Device, "maintenance_since" | "maintenance_until" | "maintenance_reason">, nowMs: number): string {
  const { maintenance_since: since, maintenance_until: until, maintenance_reason: reason } = device;
  const parts = [since && Date.parse(since) > 0 ? `since ${instant(since, nowMs)}` : null, until ? `until ${instant(until, nowMs)} (${duration(Date.parse(until) - nowMs)} left)` : "until somebody ends it"];
  return `${parts.filter(Boolean).join(", ") || ABSENT}${reason ? `: ${reason}` : ""}`;
}
