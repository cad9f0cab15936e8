// A file that is sent to be imported: what it is by its name, and how it goes in pieces. Pure.

import { Failure } from "../../lib/api/call";
import type { Job, SampleFormat } from "../../lib/api/shapes";
import type { ImportOptions, samples } from "../../lib/api/storage";

/** Octets of a piece; the server takes twice as many at once. */
export const PIECE_BYTES = 8 << 20;

/** Octets of a file that the server takes. */
export const FILE_BYTES_MAX = 1 << 30;

/** Tries of a piece: a line may drop out for a moment, or others send something. */
const TRIES_MAX = 4;
const PAUSE_MS = 1000;

export const FORMATS: readonly { format: SampleFormat; name: string; endings: readonly string[] }[] = [
  { format: "csv", name: "CSV", endings: ["csv"] },
  { format: "lines", name: "JSON lines", endings: ["jsonl", "ndjson", "json"] },
  { format: "openmetrics", name: "OpenMetrics text", endings: ["om", "om.txt", "prom", "txt"] },
  { format: "parquet", name: "Parquet", endings: ["parquet"] },
];

/** What a file is by the ending of its name; null where that says nothing. */
export function formatOf(name: string): SampleFormat | null {
  const lower = name.toLowerCase();
  return FORMATS.find((one) => one.endings.some((ending) => lower.endsWith(`.${ending}`)))?.format ?? null;
}

type Routes = Pick<typeof samples, "import" | "send" | "run">;

/**
 * Sends a file and has it imported; answers its job. A piece that did not arrive is sent again, and one
 * that had arrived all the same is taken as done by the server.
 */
export async function send(routes: Routes, file: Blob, options: ImportOptions, told: (octets: number, job: Job) => void, signal: AbortSignal, pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms))): Promise<Job> {
  const first = file.slice(0, PIECE_BYTES);
  const more = file.size > PIECE_BYTES;
  const again = async <T>(piece: () => Promise<T>): Promise<T> => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await piece();
      } catch (error) {
        const passing = error instanceof Failure && (error.status === 0 || error.status === 503);
        if (!passing || tries >= TRIES_MAX || signal.aborted) throw error;
        await pause(PAUSE_MS * tries);
      }
    }
  };
  // Sent once: a second job would be begun where only the answer was lost.
  const job = await routes.import(first, options, more, signal);
  told(first.size, job);
  if (!more) return job;
  for (let at = first.size; at < file.size; at += PIECE_BYTES) {
    const piece = file.slice(at, at + PIECE_BYTES);
    await again(() => routes.send(job.id, at, piece, signal));
    told(at + piece.size, job);
  }
  return again(() => routes.run(job.id));
}
