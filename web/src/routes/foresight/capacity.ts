// How the list of capacity is sorted, by which number, and how growth is written. Pure.

import { ABSENT } from "../../lib/units";

export const SORTS = [
  { value: "expected_at", label: "soonest" },
  { value: "-used", label: "fullest" },
  { value: "device", label: "device" },
] as const;
export type Sort = (typeof SORTS)[number]["value"];

export const NUMBERS = [
  { value: "p95", label: "95th percentile of a day" },
  { value: "avg", label: "daily mean" },
  { value: "peak", label: "daily peak" },
] as const;
export type Number_ = (typeof NUMBERS)[number]["value"];

export function sortOf(text: string | null): Sort {
  return SORTS.find((sort) => sort.value === text)?.value ?? "expected_at";
}
export function numberOf(text: string | null): Number_ {
  return NUMBERS.find((number) => number.value === text)?.value ?? "p95";
}

/** Growth in parts a day: `+0.4 %`. */
export function growth(parts: number | null | undefined): string {
  if (typeof parts !== "number" || !Number.isFinite(parts)) return ABSENT;
  const text = (parts * 100).toFixed(2);
  return `${parts > 0 ? "+" : ""}${Number(text)}\u202f%`;
}
