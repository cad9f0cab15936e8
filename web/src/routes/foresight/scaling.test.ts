import { expect, it } from "vitest";
import type { ScalingTrigger } from "../../lib/api/shapes";
import { aQuarter, bodyOf, changesOf, empty, formOf, keda, meanLeadSecs, record, standing } from "./scaling";

const tally = { came: 12, false_raises: 2, missed: 1, lead_secs_sum: 14_400, backcast: 9 };
it("tells how often it was right, and how long before", () => {
  expect(record({ tally })).toBe("12 of 14 came true, 1 missed");
  expect(meanLeadSecs({ tally })).toBe(1200);
  const none = { tally: { came: 0, false_raises: 0, missed: 0, lead_secs_sum: 0, backcast: 0 } };
  expect([record(none), meanLeadSecs(none)]).toEqual(["–", null]);
});
it("says where it stands", () => {
  expect(standing({ state: "raised", enabled: true, is_stale: false })).toBe("raised");
  expect(standing({ state: "clear", enabled: true, is_stale: true })).toBe("clear, nothing of late");
  expect(standing({ state: "clear", enabled: false, is_stale: true })).toBe("not enabled");
});
it("makes a trigger of a form", () => {
  const form = { ...empty("s"), name: "web", url: " https://h.example/ " };
  expect(bodyOf(form)).toMatchObject({ series_id: "s", threshold: { kind: "of_limit", share: 0.8 }, lead_min_secs: 600, lead_max_secs: 2400, clear_below_share: 0.9, webhook: { url: "https://h.example/" } });
  expect(bodyOf({ ...form, url: "" }).webhook).toBeNull();
  expect(bodyOf({ ...form, secret: "x" }).webhook).toEqual({ url: "https://h.example/", secret: "x" });
});
it("sends of an edited trigger what was changed alone", () => {
  const of = { name: "web", series_id: "s", threshold: { kind: "of_limit", share: 0.29 }, lead_min_secs: 600, lead_max_secs: 2400, clear_below_share: 0.57, webhook: { url: "https://h.example/", is_signed: true } } as ScalingTrigger;
  const form = formOf(of);
  expect([form.sharePercent, form.clearBelowPercent]).toEqual([29, 57]);
  expect(changesOf(of, form)).toEqual({});
  expect(changesOf(of, { ...form, name: "x", leadMinMinutes: 15 })).toEqual({ name: "x", lead_min_secs: 900 });
  expect(changesOf(of, { ...form, sharePercent: 70 })).toEqual({ threshold: { kind: "of_limit", share: 0.7 } });
  expect(changesOf(of, { ...form, url: "" })).toEqual({ webhook: null });
  expect(changesOf(of, { ...form, secret: "k" })).toEqual({ webhook: { url: "https://h.example/", secret: "k" } });
  const valued = { ...of, threshold: { kind: "value", value: 2.5e8 } } as ScalingTrigger;
  expect(changesOf(valued, { ...formOf(valued), value: 3e8 })).toEqual({ threshold: { kind: "value", value: 3e8 } });
});
it("takes a replica to carry a quarter of the threshold, also of a share", () => {
  expect([aQuarter(2.5e8), aQuarter(0.8), aQuarter(1), aQuarter(null)]).toEqual([62_500_000, 0.2, 0.25, 1]);
});
it("writes what KEDA needs", () => {
  const text = keda("https://f.example", "t", 5e7);
  expect(text).toContain('url: "https://f.example/api/v1/scaling/t/metric"');
  expect(text).toContain('targetValue: "50000000"');
});
