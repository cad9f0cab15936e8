// What the form of a hold sends, and how a hold is told. Days are UTC: holds keep them whole. Pure.

import type { RetentionHold, RetentionHoldCreate, RetentionHoldPatch } from "../../lib/api/shapes";
import { utcDay } from "../../lib/units";

const DAY_MS = 86_400_000;

export interface HoldForm {
  selector: string;
  /** UTC days as the browser's field writes them, `2026-03-01`; empty is without bound. */
  from: string;
  /** The last day that is held. */
  last: string;
  reason: string;
}

export const EMPTY: HoldForm = { selector: "", from: "", last: "", reason: "" };

export function formOf(hold: RetentionHold): HoldForm {
  return { selector: hold.selector, from: dayOf(hold.from, 0), last: dayOf(hold.to, -1), reason: hold.reason };
}

/** The day of an instant, or of what ends just before it. */
function dayOf(at: string | null | undefined, addMs: number): string {
  return at ? new Date(Date.parse(at) + addMs).toISOString().slice(0, 10) : "";
}

/** The instant at which a UTC day begins, so many days later; null where none is given. */
function beginOf(day: string, days = 0): string | null {
  const at = Date.parse(`${day}T00:00:00Z`);
  return day === "" || Number.isNaN(at) ? null : new Date(at + days * DAY_MS).toISOString();
}

export function bodyOf(form: HoldForm): RetentionHoldCreate {
  const [from, to] = [beginOf(form.from), beginOf(form.last, 1)];
  return { selector: form.selector.trim(), reason: form.reason.trim(), ...(from && { from }), ...(to && { to }) };
}

/** What of a hold the form changed: a range that was not touched stays to the millisecond. */
export function patchOf(form: HoldForm, hold: RetentionHold): RetentionHoldPatch {
  const before = formOf(hold);
  return {
    ...(form.from !== before.from && { from: beginOf(form.from) }),
    ...(form.last !== before.last && { to: beginOf(form.last, 1) }),
    ...(form.reason.trim() !== before.reason && { reason: form.reason.trim() }),
  };
}

/** `1 Jan 2026 to 31 Mar 2026`, `since ever`, `from 1 Jan 2026 on`. */
export function rangeInWords({ from, to }: Pick<RetentionHold, "from" | "to">): string {
  const last = to ? utcDay(Date.parse(to) - 1) : null;
  if (from && last) return `${utcDay(from)} to ${last}`;
  if (from) return `from ${utcDay(from)} on`;
  return last ? `until ${last}` : "all time";
}
