// The document of the stream is valid AsyncAPI 3. That it is true is a test of crates/api.

import { Parser } from "@asyncapi/parser";
import { expect, test } from "vitest";
import text from "../../../../crates/api/asyncapi.yaml?raw";

/** Told of every document that is not of the latest version; 3.0 says all that we need. */
const IGNORED = new Set(["asyncapi-latest-version"]);

test("asyncapi.yaml is valid, and nothing in it is doubtful", async () => {
  const { document, diagnostics } = await new Parser().parse(text);
  const told = diagnostics.filter(({ code }) => !IGNORED.has(String(code)));
  expect(told.map(({ path, message }) => `${path.join("/")}: ${message}`)).toEqual([]);
  expect(document?.channels().get("stream")?.messages().all().length).toBeGreaterThan(10);
}, 60_000);

test("what is wrong is found", async () => {
  const { diagnostics } = await new Parser().parse(text.replace("action: send", "action: shout"));
  expect(diagnostics.some(({ severity }) => severity === 0)).toBe(true);
}, 60_000);
