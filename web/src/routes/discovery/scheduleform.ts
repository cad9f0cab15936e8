// What the form of a schedule sends, and how a schedule is told. Pure.

import type { DiscoverySchedule, DiscoveryScheduleCreate, DiscoverySchedulePatch } from "../../lib/api/shapes";
import { duration } from "../../lib/units";
import { EMPTY as EMPTY_REQUEST, formOf as requestFormOf, requestOf, type Form } from "./discoveryform";

export interface ScheduleForm {
  name: string;
  /** Every so many minutes, or at a time of day. */
  when: "every" | "daily";
  minutes: number;
  /** UTC, as `03:30`. */
  at: string;
  enabled: boolean;
  keepRuns: number;
  request: Form;
}

export const EMPTY: ScheduleForm = { name: "", when: "daily", minutes: 360, at: "03:30", enabled: true, keepRuns: 10, request: EMPTY_REQUEST };

/** Bounds of the server: 5 minutes to 31 days. */
export const MINUTES_MIN = 5;
export const MINUTES_MAX = 31 * 24 * 60;

export function formOf(schedule: DiscoverySchedule): ScheduleForm {
  return {
    name: schedule.name,
    when: schedule.daily_at ? "daily" : "every",
    // Another program may have asked for seconds between; they are kept as a fraction.
    minutes: schedule.every_secs ? schedule.every_secs / 60 : EMPTY.minutes,
    at: schedule.daily_at ?? EMPTY.at,
    enabled: schedule.enabled,
    keepRuns: schedule.keep_runs,
    request: requestFormOf(schedule.request),
  };
}

/** What is sent, to make one and to change one alike: the server wants one way of running. */
export function bodyOf(form: ScheduleForm): DiscoveryScheduleCreate & DiscoverySchedulePatch {
  return {
    name: form.name.trim(),
    ...(form.when === "daily" ? { daily_at: form.at } : { every_secs: Math.round(form.minutes * 60) }),
    enabled: form.enabled,
    keep_runs: form.keepRuns,
    request: requestOf(form.request),
  };
}

/** `daily at 03:30 UTC`, `every 6 h`. */
export function whenOf({ every_secs, daily_at }: Pick<DiscoverySchedule, "every_secs" | "daily_at">): string {
  return daily_at ? `daily at ${daily_at} UTC` : `every ${duration((every_secs ?? 0) * 1000)}`;
}
