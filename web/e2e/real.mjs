// The page in a real browser against a real server that watches real devices:
// sign-in, discovery, device, chart, a live value changing in place, and how long a sample takes from
// the device's answer to the eye.
//
//   FORETELL_URL=http://127.0.0.1:8080 FORETELL_PASSWORD=... FORETELL_SEED=192.0.2.1 \
//   FORETELL_COMMUNITY=public node e2e/real.mjs
//
// | variable | meaning | default |
// | --- | --- | --- |
// | FORETELL_URL | where the server is | needed |
// | FORETELL_PASSWORD | of FORETELL_USER | needed |
// | FORETELL_USER | who signs in | admin |
// | FORETELL_SEED | targets of the discovery, with commas between | needed |
// | FORETELL_COMMUNITY | SNMPv2c community of the devices | needed |
// | FORETELL_ALLOWED | further networks that neighbours may be followed into | none |
// | FORETELL_DEVICES_MIN | devices that discovery must find | 1 |
// | FORETELL_INTERVAL_SECS | interval that the watched device is set to; 0 leaves it | 5 |
// | FORETELL_WATCH_SECS | how long samples are watched, half of it on the device, half on the list | 40 |
// | FORETELL_SAMPLES_MIN | samples that must be seen; the list is watched longer until they are | 20 |
// | FORETELL_P99_MS | longest delay at the 99th percentile | 1000 |
// | FORETELL_OVERVIEW_MS | longest time from the navigation to a whole overview, best of five; 0 leaves it unchecked | 0 |
// | FORETELL_SHOTS | folder for pictures | none |
//
// The browser and the server must share a clock for the delays to mean anything. Prints one line of
// JSON, {"p50":ms,"p99":ms,"count":n,"delays_ms":[...],...}, on standard output and its steps on standard error; exits
// 1 where anything fails.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { launch, open, signIn, until } from "./browser.mjs";
import { walkStorage } from "./storagewalk.mjs";

const env = process.env;
for (const name of ["FORETELL_URL", "FORETELL_PASSWORD", "FORETELL_SEED", "FORETELL_COMMUNITY"]) {
  if (!env[name]) {
    console.error(`${name} is needed`);
    process.exit(2);
  }
}
const url = env.FORETELL_URL.replace(/\/$/, "");
const watchSecs = Number(env.FORETELL_WATCH_SECS ?? 40);
const intervalSecs = Number(env.FORETELL_INTERVAL_SECS ?? 5);
const samplesMin = Number(env.FORETELL_SAMPLES_MIN ?? 20);
const devicesMin = Number(env.FORETELL_DEVICES_MIN ?? 1);
const p99Max = Number(env.FORETELL_P99_MS ?? 1000);
const step = (text) => console.error(`${new Date().toISOString()} ${text}`);

const browser = await launch();
const { page, errors } = await open(browser);
await page.addInitScript(() => {
  window.samples = [];
  window.addEventListener("foretell:sample", (event) => window.samples.push(event.detail.receivedAt - event.detail.at));
});
let shots = 0;
async function shot(name) {
  if (!env.FORETELL_SHOTS) return;
  await mkdir(env.FORETELL_SHOTS, { recursive: true });
  await page.screenshot({ path: `${env.FORETELL_SHOTS}/${(shots += 1)}-${name}.png`, fullPage: true });
}

try {
  step("sign in");
  await page.goto(url);
  await page.locator('[name="username"]').fill(env.FORETELL_USER ?? "admin");
  await signIn(page, url, env.FORETELL_PASSWORD);
  await until("live", async () => (await page.getByTestId("freshness").getAttribute("data-state")) === "live", 15_000);
  await shot("now");

  step("discover");
  await page.goto(`${url}/devices?discover=new`);
  await page.getByTestId("targets").fill(env.FORETELL_SEED.split(",").join("\n"));
  await until("the credentials are known", async () => (await page.getByTestId("new-credential").count()) + (await page.getByTestId("credential-form").count()) > 0);
  if ((await page.getByTestId("credential-form").count()) === 0) await page.getByTestId("new-credential").click();
  await page.locator('[name="credential-name"]').fill(`browser test ${Date.now()}`);
  await page.getByTestId("community").fill(env.FORETELL_COMMUNITY);
  await page.getByTestId("save-credential").click();
  await page.getByTestId("credential-form").waitFor({ state: "detached" });
  if (env.FORETELL_ALLOWED) {
    await page.locator("summary", { hasText: "More" }).click();
    await page.getByTestId("allowed").fill(env.FORETELL_ALLOWED.split(",").join("\n"));
  }
  const began = Date.now();
  await page.getByTestId("start-discovery").click();
  await page.getByTestId("discovery").waitFor();
  await until("discovery ends", async () => (await page.getByTestId("discovery").getAttribute("data-phase")) !== "running", 120_000);
  const discoveryMs = Date.now() - began;
  assert.equal(await page.getByTestId("discovery").getAttribute("data-phase"), "done");
  const found = Number(await page.getByTestId("devices-found").getAttribute("data-count"));
  assert.ok(found >= devicesMin, `${found} devices were found, ${devicesMin} are expected`);
  await shot("discovery");

  step(`${found} devices found in ${discoveryMs} ms; open one`);
  await page.locator('[data-testid="discovery-result"][data-outcome="identified"] a').first().click();
  await page.getByTestId("device-name").waitFor();
  const name = await page.getByTestId("device-name").textContent();
  if (intervalSecs > 0) {
    await page.getByTestId("edit-device").click();
    await page.locator('[name="interval_secs"]').fill(String(intervalSecs));
    await page.getByTestId("save-device").click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
  }

  step(`${name}: wait for interfaces and a live value`);
  const row = page.getByTestId("iface-row").first();
  await row.waitFor({ timeout: 90_000 });
  const cells = '[data-testid="in-rate"][data-sample-at]';
  await page.locator(cells).first().waitFor({ timeout: 90_000 });
  await page.evaluate(() => window.scrollTo(0, 200));
  const before = await page.evaluate((selector) => {
    window.kept = document.querySelector(selector);
    return { y: window.scrollY, at: Number(window.kept.dataset.sampleAt) };
  }, cells);
  const moved = await until(
    "the value of a later sample stands in the same cell",
    () => page.evaluate((at) => window.kept.isConnected && Number(window.kept.dataset.sampleAt) > at && { y: window.scrollY, text: window.kept.textContent }, before.at),
    120_000,
  );
  assert.equal(moved.y, before.y, "the scroll has jumped");
  // A changing value: some interface that carries something differs from one sample to the next.
  const rates = () => page.evaluate(() => [...document.querySelectorAll('[data-testid="in-rate"], [data-testid="out-rate"]')].map((cell) => cell.dataset.bps ?? "").join());
  const first = await rates();
  await until("a rate changes in place", async () => (await rates()) !== first, 120_000);

  step("the chart");
  const chart = page.getByTestId("chart-traffic");
  await chart.waitFor();
  await page.getByTestId("range-15m").click();
  await until("the chart has points", async () => Number(await chart.getAttribute("data-points")) > 0, 120_000);
  await chart.locator("canvas").waitFor();

  step("the map");
  await page.goto(`${url}/map`);
  const canvas = page.locator('[data-testid="map"] canvas');
  await until("the map is drawn", async () => Number(await canvas.getAttribute("data-nodes")) > 0, 30_000);
  await until("its layout is done", async () => (await page.getByTestId("map-panel").getAttribute("data-busy")) === "false", 30_000);
  const map = { nodes: Number(await canvas.getAttribute("data-nodes")), lines: Number(await canvas.getAttribute("data-lines")) };
  await shot("map");

  step("the overview, from the navigation until all of its parts stand");
  const overview = { ms: Infinity, requests: 0 };
  for (let i = 0; i < 5; i += 1) {
    await page.goto(`${url}/`);
    await page.waitForFunction(() => {
      const parts = ["sentence", "broken", "count-up", "busiest", "chart-health"].every((id) => document.querySelector(`[data-testid="${id}"]`));
      const whole = parts && !/Loading/.test(document.querySelector("main").textContent);
      if (whole && !window.whole) window.whole = performance.now();
      return window.whole;
    });
    const seen = await page.evaluate(() => ({ ms: Math.round(window.whole), requests: performance.getEntriesByType("resource").filter((entry) => entry.name.includes("/api/")).length }));
    if (seen.ms < overview.ms) Object.assign(overview, seen);
  }
  const overviewMax = Number(env.FORETELL_OVERVIEW_MS ?? 0);
  assert.ok(overviewMax === 0 || overview.ms <= overviewMax, `the overview took ${overview.ms} ms`);
  await page.goto(`${url}/devices`);
  await page.getByRole("link", { name, exact: true }).click();
  await page.getByTestId("device-name").waitFor();

  step(`watch ${watchSecs} s of samples`);
  await page.evaluate(() => (window.samples.length = 0));
  await page.waitForTimeout(watchSecs * 500);
  await page.evaluate(() => window.scrollTo(0, 0));
  const onDevice = await page.evaluate(() => window.samples);
  assert.ok(onDevice.length > 0, "no sample came to the device's page");
  await shot("device");
  await page.goto(`${url}/devices`);
  await page.getByTestId("device-row").first().waitFor();
  await page.waitForTimeout(watchSecs * 500);
  const onList = await until(`${samplesMin} samples`, () => page.evaluate((min) => window.samples.length >= min && window.samples, samplesMin - onDevice.length), 120_000);
  await shot("devices");
  const delays = [...onDevice, ...onList].sort((a, b) => a - b);
  const at = (share) => delays[Math.min(delays.length - 1, Math.ceil(delays.length * share) - 1)];
  const said = { p50: at(0.5), p99: at(0.99), count: delays.length, max: delays.at(-1), device: name, devices_found: found, discovery_ms: discoveryMs, map, overview, on_device: onDevice.length, delays_ms: delays };
  step("what is kept");
  said.kept = await walkStorage(page, url, shot);
  await page.goto(`${url}/links`);
  await page.locator("main h1").waitFor();
  await page.waitForTimeout(500);
  await shot("links");
  await page.goto(url);
  await page.getByTestId("sentence").waitFor();
  await page.waitForTimeout(500);
  await shot("now");
  console.log(JSON.stringify(said));
  assert.deepEqual(errors, [], "errors on the console");
  assert.ok(said.p99 <= p99Max, `the 99th percentile is ${said.p99} ms`);
  assert.ok(delays[0] > -1000, "the browser's clock is behind the server's: the delays mean nothing");
} catch (error) {
  await shot("failed").catch(() => undefined);
  console.error(`failed: ${error.message}\nconsole: ${JSON.stringify(errors)}\naddress: ${page.url()}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
