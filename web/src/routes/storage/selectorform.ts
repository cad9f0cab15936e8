// A selector as it is typed: how long it may be, and what the server says of it. Pure.

import { Failure, reason } from "../../lib/api/call";
import type { Page, Series } from "../../lib/api/shapes";

/** Octets of a selector that the server takes. */
export const SELECTOR_MAX = 4096;

/** How long nothing is typed until the server is asked. */
export const PAUSE_MS = 400;

export type Meant = { state: "empty" | "typing" } | { state: "wrong"; detail: string } | { state: "means"; words: string; none: boolean };

const encoder = new TextEncoder();

/** What is wrong with it before the server is asked. */
export function tooLong(text: string): string | null {
  const octets = encoder.encode(text).length;
  return octets > SELECTOR_MAX ? `${octets} octets; ${SELECTOR_MAX} are taken` : null;
}

/** What a selector means, from the first series of it. */
export function ofAnswer(page: Page<Series>): Meant {
  const first = page.items[0];
  if (!first) return { state: "means", none: true, words: "No series has these labels now." };
  const labels = Object.entries(first.labels).filter(([name]) => !name.endsWith("_id") && name !== "vantage").map(([name, value]) => `${name} ${value}`);
  const which = labels.length > 0 ? ` (${labels.join(", ")})` : "";
  return { state: "means", none: false, words: `${first.metric}${which}${page.next_cursor ? " and others" : ", nothing else"}` };
}

/** What the server says is wrong with it; null where it only did not answer. */
export function ofFailure(error: unknown): Meant {
  const detail = error instanceof Failure ? (error.field("?match") ?? reason(error)) : reason(error);
  return { state: "wrong", detail };
}
