// One request to the server: JSON in, JSON or a problem out. The session is a cookie, so nothing
// secret is kept here. What the routes are is in `routes.ts`.

import type { Problem } from "./shapes";

const PREFIX = "/api/v1";

/** Longer than the slowest answer of a working server; a request without an answer must end. */
const TIMEOUT_MS = 20_000;

/** The server (or the way to it) did not do what was asked. */
export class Failure extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail ?? problem.title);
    this.name = "Failure";
  }
  get status(): number {
    return this.problem.status;
  }
  /** What is wrong with one field, by its JSON pointer. */
  field(pointer: string): string | undefined {
    return this.problem.errors?.find((e) => e.pointer === pointer || e.pointer.startsWith(`${pointer}/`))?.detail;
  }
}

export type Query = Record<string, string | number | boolean | null | undefined>;

export interface Call {
  query?: Query;
  body?: unknown;
  /** The revision this change is made to, as If-Match. */
  revision?: number;
  signal?: AbortSignal;
  /** Where an answer may take longer than that of the server's own data. */
  timeoutMs?: number;
}

type Method = "GET" | "POST" | "PATCH" | "PUT" | "DELETE";

let signedOut: () => void = () => undefined;

/** Who is told when the server says that the session is over. */
export function onSignedOut(told: () => void): void {
  signedOut = told;
}

export async function call<T>(method: Method, path: string, { query, body, revision, signal, timeoutMs = TIMEOUT_MS }: Call = {}): Promise<T> {
  const headers: Record<string, string> = {};
  if (body !== undefined) headers["content-type"] = method === "PATCH" ? "application/merge-patch+json" : "application/json";
  if (revision !== undefined) headers["if-match"] = `"${revision}"`;
  return ask(method, path + search(query), headers, body === undefined ? null : JSON.stringify(body), timeoutMs, signal);
}

/** A piece of a file may have a slow way to go. */
const UPLOAD_TIMEOUT_MS = 120_000;

/** Sends a piece of a file as it is; everything else is as of `call`. */
export async function upload<T>(method: "POST" | "PUT", path: string, piece: Blob, { query, signal }: Pick<Call, "query" | "signal"> = {}): Promise<T> {
  return ask(method, path + search(query), { "content-type": "application/octet-stream" }, piece, UPLOAD_TIMEOUT_MS, signal);
}

async function ask<T>(method: Method, path: string, headers: Record<string, string>, body: BodyInit | null, timeoutMs: number, signal?: AbortSignal): Promise<T> {
  const limit = AbortSignal.timeout(timeoutMs);
  let response: Response;
  try {
    response = await fetch(PREFIX + path, {
      method,
      headers: { accept: "application/json", ...headers },
      credentials: "same-origin",
      body,
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Failure({ type: "about:blank", title: "The server does not answer", status: 0 });
  }
  if (response.ok) {
    const text = await response.text();
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }
  const failure = new Failure(await problem(response));
  if (response.status === 401 && !path.startsWith("/auth/")) signedOut();
  throw failure;
}

function search(query: Query | undefined): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== null && value !== undefined && value !== "") given.set(name, String(value));
  }
  const text = given.toString();
  return text === "" ? "" : `?${text}`;
}

async function problem(response: Response): Promise<Problem> {
  try {
    const body = (await response.json()) as Partial<Problem>;
    if (typeof body.title === "string") return { ...body, type: body.type ?? "about:blank", title: body.title, status: response.status };
  } catch {
    // Not a problem document: something between us and the server answered.
  }
  return { type: "about:blank", title: `The server answered ${response.status}`, status: response.status };
}

/** Null where the server does not have what was asked for, or not for this person. */
export async function ifThere<T>(asked: Promise<T>, absent: readonly number[] = [403, 404]): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof Failure && absent.includes(error.status)) return null;
    throw error;
  }
}

/** What to tell an operator of anything that was thrown. */
export function reason(error: unknown): string {
  return error instanceof Error ? error.message : "It failed without a reason.";
}

/** Whether it was only the page that gave up on the request. */
export function isAborted(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
