import { describe, expect, it } from "vitest";
import { accuracyWords, axisEnd, course, expected, horizonSecs, parseAhead, until } from "./ahead";

const HOUR = 3_600_000;

describe("how far a chart runs on", () => {
  it("is a third of its range unless the address says otherwise", () => {
    expect(parseAhead(null)).toBe("some");
    expect(parseAhead("nonsense")).toBe("some");
    expect(axisEnd({ kind: "last", ms: 3 * HOUR }, 10, "some")).toBe(10 + HOUR);
    expect(axisEnd({ kind: "last", ms: 3 * HOUR }, 10, "none")).toBe(10);
    expect(axisEnd({ kind: "fixed", from: 0, to: 7 }, 7, "same")).toBe(7);
  });
  it("asks for horizons that the server answers", () => {
    expect(horizonSecs(5, 10)).toBeNull();
    expect(horizonSecs(11, 10)).toBe(3600);
    expect(horizonSecs(2 * HOUR, 0)).toBe(7200);
    expect(horizonSecs(1e15, 0)).toBe(366 * 86_400);
  });
});

describe("answers as lines", () => {
  it("puts each step at its middle and scales all", () => {
    const got = course({ points: [[1000, 1, 0.5, 1.5, 0.25, 2]], step_secs: 2 }, 8, "--accent");
    expect(got.median).toEqual([[2000, 8]]);
    expect(got.bands.map((b) => [b.lower[0]?.[1], b.upper[0]?.[1]])).toEqual([[2, 16], [4, 12]]);
  });
  it("leaves out what is expected of times to come", () => {
    const points = [{ at: "2026-01-01T00:00:00Z", lower: 1, expected: 2, upper: 3 }, { at: "2026-01-02T00:00:00Z", lower: 1, expected: 2, upper: 3 }];
    expect(expected({ points }, 1, Date.parse("2026-01-01T12:00:00Z"))?.upper).toHaveLength(1);
    expect(expected({ points: [] }, 1, 0)).toBeNull();
  });
});

describe("how good it was", () => {
  const day = { lead: "day" as const, mase: 0.8, coverage: 0.94, count: 1200, backcast: 0 };
  it("says so of the nearest lead, or that nothing is known", () => {
    expect(accuracyWords([], HOUR)).toContain("not measured yet");
    expect(accuracyWords([day], HOUR)).toContain("a day ahead");
    expect(accuracyWords([day, { ...day, lead: "hour", backcast: 1200 }], HOUR)).toMatch(/an hour ahead.*tried on the past/);
  });
  it("writes when something is", () => {
    expect(until(null, 0)).toBe("not within a year");
    expect(until("1970-01-01T00:00:00Z", 5)).toBe("now");
    expect(until("1970-01-02T00:00:00Z", 0)).toMatch(/^in 1.d$/);
  });
});
