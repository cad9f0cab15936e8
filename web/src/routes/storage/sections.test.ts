import { expect, test } from "vitest";
import { SECTIONS, sectionByKey, sectionOf } from "./sections";

const few = SECTIONS.filter((one) => one.name !== "archive" && one.name !== "work");

test("an address that asks for what is not there gets the first section", () => {
  expect([sectionOf("series", SECTIONS), sectionOf("work", few), sectionOf(null, SECTIONS), sectionOf("x", few)]).toEqual(["series", "overview", "overview", "overview"]);
});

test("keys go round among the sections that are there", () => {
  expect([sectionByKey("ArrowRight", "retention", few), sectionByKey("ArrowRight", "series", few), sectionByKey("ArrowLeft", "overview", few)]).toEqual(["backups", "overview", "series"]);
  expect([sectionByKey("Home", "series", few), sectionByKey("End", "overview", SECTIONS), sectionByKey("Enter", "series", few)]).toEqual(["overview", "work", null]);
});
