// How soon the first view is there, and what it asks for: the page in a browser that has it in its
// cache, against a server that has something to show.
//
//   FORETELL_URL=http://127.0.0.1:8080 FORETELL_PASSWORD=... node e2e/overview.mjs
//
// Prints one line of JSON, {"interactive_ms":ms,"all_ms":[...],"requests":["/api/v1/..."]}: the median
// of some visits, from the navigation until the sentence and every list stand and the page takes a
// click, and the GETs of one visit. Exits 1 where anything fails.

import { launch, open, signIn } from "./browser.mjs";

const env = process.env;
for (const name of ["FORETELL_URL", "FORETELL_PASSWORD"]) {
  if (!env[name]) {
    console.error(`${name} is needed`);
    process.exit(2);
  }
}
const url = env.FORETELL_URL.replace(/\/$/, "");
const VISITS = 9;

const browser = await launch();
const { page, errors } = await open(browser);
let requests = [];
let pending = 0;
const isApi = (request) => new URL(request.url()).pathname.startsWith("/api/");
page.on("request", (request) => {
  if (!isApi(request)) return;
  pending += 1;
  const { pathname, search } = new URL(request.url());
  if (request.method() === "GET" && !pathname.endsWith("/stream")) requests.push(pathname + search);
});
const ended = (request) => isApi(request) && (pending -= 1);
page.on("requestfinished", ended);
page.on("requestfailed", ended);

try {
  await signIn(page, url, env.FORETELL_PASSWORD);
  const times = [];
  for (let visit = 0; visit < VISITS; visit += 1) {
    requests = [];
    pending = 0;
    const began = performance.now();
    await page.goto(url, { waitUntil: "commit" });
    await page.getByTestId("sentence").waitFor();
    // Everything it asked for has been answered and drawn, and the page answers.
    for (let quiet = 0; quiet < 2; quiet += 1) {
      while (pending > 0) await new Promise((done) => setTimeout(done, 2));
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0))));
    }
    times.push(performance.now() - began);
    await page.waitForTimeout(300);
  }
  if (errors.length > 0) throw new Error(errors.join("; "));
  const sorted = [...times].sort((a, b) => a - b);
  console.log(JSON.stringify({ interactive_ms: sorted[Math.floor(VISITS / 2)], all_ms: times, requests: [...new Set(requests)] }));
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await browser.close();
}
