import { expect, it } from "vitest";
import { boundsOf } from "./bounds";

it("reads bounds, of which either may be none", () => {
  expect(boundsOf(" 5 ", "")).toEqual({ floor: 5, ceiling: null });
  expect(boundsOf("", "1e3")).toEqual({ floor: null, ceiling: 1000 });
  expect(boundsOf("x", "")).toHaveProperty("fault");
  expect(boundsOf("", "Infinity")).toHaveProperty("fault");
  expect(boundsOf("2", "2")).toHaveProperty("fault");
});
