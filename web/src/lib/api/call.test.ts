import { afterEach, expect, test, vi } from "vitest";
import { call, Failure, ifThere, onSignedOut, upload } from "./call";

afterEach(() => vi.unstubAllGlobals());

/** What was asked for, answered with `status` and `body`. */
function answering(status: number, body: unknown) {
  const asked: { url: string; init: RequestInit }[] = [];
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
    asked.push({ url, init });
    return Promise.resolve(new Response(JSON.stringify(body), { status }));
  });
  return asked;
}

test("a piece of a file goes as it is, with what is asked beside it in the address", async () => {
  const asked = answering(200, { bytes: 7 });
  const piece = new Blob(["abc"]);
  expect(await upload("PUT", "/imports/j/content", piece, { query: { offset: 4, more: false, none: null } })).toEqual({ bytes: 7 });
  expect(asked[0]?.url).toBe("/api/v1/imports/j/content?offset=4&more=false");
  expect(asked[0]?.init).toMatchObject({ method: "PUT", body: piece, credentials: "same-origin", headers: { "content-type": "application/octet-stream" } });
});

test("its problems and the end of the session are those of any request", async () => {
  let out = 0;
  onSignedOut(() => (out += 1));
  answering(401, { title: "Sign in first" });
  await expect(upload("POST", "/imports/samples", new Blob())).rejects.toThrow("Sign in first");
  expect(out).toBe(1);
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("network")));
  await expect(upload("POST", "/imports/samples", new Blob())).rejects.toMatchObject({ status: 0 });
});

test("what is not there is null, what fails is told", async () => {
  for (const status of [404, 403]) {
    answering(status, { title: "no" });
    expect(await ifThere(call("GET", "/archive"))).toBeNull();
  }
  answering(409, { title: "none is set" });
  expect(await ifThere(call("GET", "/archive"), [409])).toBeNull();
  await expect(ifThere(call("GET", "/archive"))).rejects.toBeInstanceOf(Failure);
});
