import { expect, test } from "vitest";
import type { DiscoverySchedule } from "../../lib/api/shapes";
import { bodyOf, EMPTY, formOf, whenOf } from "./scheduleform";

const schedule: DiscoverySchedule = {
  id: "s", name: "nightly", request: { targets: ["192.0.2.0/24"], methods: ["snmp"], credential_ids: [], allowed_networks: [], port: 161, max_hops: 2, register: true },
  every_secs: null, daily_at: "04:00", enabled: false, keep_runs: 3, created_at: "", revision: 1,
};

test("one way of running is sent, never both", () => {
  expect(bodyOf({ ...EMPTY, name: " a ", when: "daily", at: "03:30" })).toMatchObject({ name: "a", daily_at: "03:30" });
  expect("every_secs" in bodyOf({ ...EMPTY, when: "daily" })).toBe(false);
  expect(bodyOf({ ...EMPTY, when: "every", minutes: 90 })).toMatchObject({ every_secs: 5400 });
  expect("daily_at" in bodyOf({ ...EMPTY, when: "every" })).toBe(false);
});

test("a form of a schedule sends that schedule", () => {
  expect(bodyOf(formOf(schedule))).toMatchObject({ name: "nightly", daily_at: "04:00", enabled: false, keep_runs: 3, request: { targets: ["192.0.2.0/24"], max_hops: 2 } });
  expect(bodyOf(formOf({ ...schedule, daily_at: null, every_secs: 300 }))).toMatchObject({ every_secs: 300 });
});

test("when it runs, in words", () => {
  expect(whenOf(schedule)).toBe("daily at 04:00 UTC");
  expect(whenOf({ every_secs: 21_600, daily_at: null })).toBe("every 6\u202fh");
});
