import { expect, test } from "vitest";
import { shown } from "./profilelist";

const row = (name: string, own = false) => ({ name, summary: `${name} of Acme`, extends: [], own, in_use: true });

test("own ones first, searched by every word", () => {
  const rows = [row("cisco"), row("zulu", true), row("arista")];
  expect(shown(rows, "").map((r) => r.name)).toEqual(["zulu", "arista", "cisco"]);
  expect(shown(rows, " ACME cis ").map((r) => r.name)).toEqual(["cisco"]);
  expect(shown(rows, "nobody")).toEqual([]);
});
