import { describe, expect, it } from "vitest";
import { busyWords, evidenceWords, kindWords, likeWords } from "./pattern";

const pattern = { kind: "office_hours" as const, confidence: 0.92, evidence: [{ figure: "hours of the hump", value: 10, against: 3, wholly: 6, fits: 1 }] };

describe("patterns", () => {
  it("are told with how well they fit, or why there is none", () => {
    expect(kindWords({ pattern, pattern_reason: null })).toMatch(/^Office hours: by day on working days \(fits 92.%\)$/);
    expect(kindWords({ pattern: null, pattern_reason: "no kind fits" })).toBe("No kind: no kind fits");
    expect(kindWords({ pattern: null, pattern_reason: null })).toBe("No kind fits");
  });
  it("say what decided", () => {
    expect(evidenceWords(pattern)[0]).toMatch(/^hours of the hump: 10, fits 100/);
    expect(evidenceWords(null)).toEqual([]);
  });
  it("are busy by days with the same hours", () => {
    const week = [0, 1, 2, 3, 4].map((day) => ({ day, from_hour: 8, to_hour: 18 }));
    expect(busyWords(week)).toBe("Mon to Fri 8 to 18");
    expect(busyWords([...week, { day: 5, from_hour: 9, to_hour: 12 }, { day: 5, from_hour: 14, to_hour: 16 }])).toBe("Mon to Fri 8 to 18, Sat 9 to 12 and 14 to 16");
    expect(busyWords([])).toBe("");
  });
  it("move before and behind one another", () => {
    expect([likeWords(0.971, 0), likeWords(0.9, 10_800), likeWords(0.9, -3_600)]).toEqual(["0.97", "0.90, 3 h behind", "0.90, 1 h before"]);
  });
});
