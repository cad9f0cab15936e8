import { expect, test } from "vitest";
import { Failure } from "../../lib/api/call";
import type { Job } from "../../lib/api/shapes";
import { formatOf, PIECE_BYTES, send } from "./sending";

const job: Job = { id: "j", kind: "import", state: "receiving", done: 0, unit: "octets", user_id: "u", by: "admin", made_at: "" };
const options = { format: "csv" as const, dryRun: true, createMetrics: false };
const away = (status: number): Failure => new Failure({ type: "about:blank", title: "away", status });
const soon = (): Promise<void> => Promise.resolve();

function server(faults: Failure[]) {
  const got: string[] = [];
  return {
    got,
    import: (piece: Blob, _: unknown, more: boolean) => Promise.resolve((got.push(`import ${piece.size} ${more}`), job)),
    send: (_: string, offset: number, piece: Blob) => {
      got.push(`send ${offset} ${piece.size}`);
      const fault = faults.shift();
      return fault ? Promise.reject(fault) : Promise.resolve({ bytes: offset + piece.size });
    },
    run: () => Promise.resolve((got.push("run"), { ...job, state: "waiting" as const })),
  };
}

test("what a file is by its name", () => {
  expect(["a.csv", "B.JSONL", "x.ndjson", "m.om.txt", "m.prom", "a.parquet", "a.bin", "csv"].map(formatOf)).toEqual(["csv", "lines", "lines", "openmetrics", "openmetrics", "parquet", null, null]);
});

test("a small file goes whole", async () => {
  const to = server([]);
  await send(to, new Blob(["time,value"]), options, () => undefined, new AbortController().signal, soon);
  expect(to.got).toEqual(["import 10 false"]);
});

test("a large one goes in pieces, and a piece that failed goes again", async () => {
  const to = server([away(0), away(503)]);
  const told: number[] = [];
  const file = new Blob([new Uint8Array(PIECE_BYTES * 2 + 3)]);
  const begun = await send(to, file, options, (octets) => told.push(octets), new AbortController().signal, soon);
  expect(to.got).toEqual([`import ${PIECE_BYTES} true`, ...Array(3).fill(`send ${PIECE_BYTES} ${PIECE_BYTES}`), `send ${PIECE_BYTES * 2} 3`, "run"]);
  expect([told, begun.state]).toEqual([[PIECE_BYTES, PIECE_BYTES * 2, PIECE_BYTES * 2 + 3], "waiting"]);
});

test("what the server refuses is not tried again, and what stays away is told", async () => {
  const file = new Blob([new Uint8Array(PIECE_BYTES + 1)]);
  const go = (to: ReturnType<typeof server>): Promise<Job> => send(to, file, options, () => undefined, new AbortController().signal, soon);
  const refuses = server([away(409)]);
  await expect(go(refuses)).rejects.toThrow("away");
  expect(refuses.got).toHaveLength(2);
  const gone = server(Array.from({ length: 9 }, () => away(0)));
  await expect(go(gone)).rejects.toThrow("away");
  expect(gone.got).toHaveLength(5);
});
