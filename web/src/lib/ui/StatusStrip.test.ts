import { render } from "svelte/server";
import { expect, test } from "vitest";
import { instant } from "../units";
import StatusStrip from "./StatusStrip.svelte";

const HOUR_MS = 3_600_000;

/** What stands below the strip, left and right. */
function ends(from: number, to: number, untilNow: boolean): string[] {
  const { body } = render(StatusStrip, { props: { intervals: [], from, to, untilNow, label: "" } });
  return [...body.matchAll(/<span class="quiet[^>]*>([^<]*)</g)].map((found) => found[1] ?? "");
}
const words = (ms: number): string => instant(new Date(ms).toISOString(), Date.now());

test("a range of the past ends at its time, on its day, not now", () => {
  const [from, to] = [Date.now() - 100 * HOUR_MS, Date.now() - 99 * HOUR_MS];
  expect(ends(from, to, false)).toEqual([words(from), words(to)]);
  expect(words(to)).toMatch(/ \S+ \d\d:\d\d$/);
});

test("a range that moves with the clock ends now", () => {
  const to = Date.now();
  expect(ends(to - HOUR_MS, to, true)).toEqual([words(to - HOUR_MS), "now"]);
});
