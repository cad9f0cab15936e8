import { expect, it } from "vitest";
import { growth, numberOf, sortOf } from "./capacity";
import { viewOf } from "./views";

it("takes what the address says, and what is usual else", () => {
  expect([sortOf("-used"), sortOf("drop"), numberOf("peak"), numberOf(null)]).toEqual(["-used", "expected_at", "peak", "p95"]);
  expect([viewOf("accuracy"), viewOf(null)]).toEqual(["accuracy", "coming"]);
});
it("writes growth with its sign", () => {
  expect(growth(0.004)).toMatch(/^\+0\.4.%$/);
  expect(growth(-0.01)).toMatch(/^-1.%$/);
  expect(growth(null)).toBe("–");
});
