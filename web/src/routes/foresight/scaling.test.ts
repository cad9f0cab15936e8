import { expect, it } from "vitest";
import { aQuarter, bodyOf, empty, keda, meanLeadSecs, record, standing } from "./scaling";

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
it("takes a replica to carry a quarter of the threshold, also of a share", () => {
  expect([aQuarter(2.5e8), aQuarter(0.8), aQuarter(1), aQuarter(null)]).toEqual([62_500_000, 0.2, 0.25, 1]);
});
it("writes what KEDA needs", () => {
  const text = keda("https://f.example", "t", 5e7);
  expect(text).toContain('url: "https://f.example/api/v1/scaling/t/metric"');
  expect(text).toContain('targetValue: "50000000"');
});
