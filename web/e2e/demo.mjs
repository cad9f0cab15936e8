// A walk through the demo in a real browser: sign in, the overview, the map, a device and its history,
// a fault that is injected by command and is shown within two intervals, and what the device says of
// it: log lines, sensors, flows; what is expected and what will break; and what is kept.
//
//   FORETELL_URL=http://127.0.0.1:8080 FORETELL_PASSWORD=... FORETELL_FAULT='foretell simulate fault ...' \
//   FORETELL_INTERVAL_SECS=10 FORETELL_HISTORY_SECS=1209600 node e2e/demo.mjs
//
// | variable | meaning | default |
// | --- | --- | --- |
// | FORETELL_URL, FORETELL_PASSWORD | the demo | needed |
// | FORETELL_FAULT | the command that cuts a link; run as it stands | needed |
// | FORETELL_FAULT_DEVICE | name of a device at an end of that link | needed |
// | FORETELL_INTERVAL_SECS | how often devices are polled | 10 |
// | FORETELL_HISTORY_SECS | how much history there is | 1209600 |
// | FORETELL_SHOTS | folder for pictures | none |
//
// Prints one line of JSON, {"fault_shown_ms":ms,...}, on standard output and its steps on standard error;
// exits 1 where anything fails.

import assert from "node:assert/strict";
import { exec } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { promisify } from "node:util";
import { launch, open, signIn, until } from "./browser.mjs";
import { walkStorage } from "./storagewalk.mjs";

const env = process.env;
for (const name of ["FORETELL_URL", "FORETELL_PASSWORD", "FORETELL_FAULT", "FORETELL_FAULT_DEVICE"]) {
  if (!env[name]) {
    console.error(`${name} is needed`);
    process.exit(2);
  }
}
const url = env.FORETELL_URL.replace(/\/$/, "");
const intervalMs = Number(env.FORETELL_INTERVAL_SECS ?? 10) * 1000;
const historyMs = Number(env.FORETELL_HISTORY_SECS ?? 1_209_600) * 1000;
/** Over a history that is all there, how much of the chart must be drawn. */
const DRAWN_MIN = 0.9;
/** A minute of flows, the minute that it waits for late ones, the page's half a minute, and as long again. */
const FLOWS_SHOWN_MS = 300_000;
/** What the history teaches is learned and forecast in turn, with a fifth of a core. */
const FORESEEN_MS = 180_000;
/** A history of which limits and anomalies can be told. */
const HISTORY_TOLD_MS = 7 * 86_400_000;
const step = (text) => console.error(`${new Date().toISOString()} ${text}`);

const browser = await launch();
const { page, errors } = await open(browser);
let shots = 0;
async function shot(name) {
  if (!env.FORETELL_SHOTS) return;
  await mkdir(env.FORETELL_SHOTS, { recursive: true });
  await page.screenshot({ path: `${env.FORETELL_SHOTS}/${(shots += 1)}-${name}.png` });
}

try {
  step("sign in");
  await signIn(page, url, env.FORETELL_PASSWORD);
  await until("live", async () => (await page.getByTestId("freshness").getAttribute("data-state")) === "live", 15_000);
  await until("the devices are up", async () => /\d/.test((await page.getByTestId("figures").textContent()) ?? ""));
  await shot("overview");

  if ((await page.locator('nav a[href="/map"]').count()) > 0) {
    step("the map");
    await page.goto(`${url}/map`);
    await page.getByTestId("map").waitFor();
    await until("the map has every device", async () => (await page.getByTestId("map-device").count()) > 1);
    await shot("map");
  } else {
    step("SKIPPED the map: this page has none");
  }

  step(`device ${env.FORETELL_FAULT_DEVICE}`);
  await page.goto(`${url}/devices?q=${encodeURIComponent(env.FORETELL_FAULT_DEVICE)}`);
  await page.getByTestId("device-row").first().waitFor();
  await page.getByRole("link", { name: env.FORETELL_FAULT_DEVICE, exact: true }).first().click();
  await page.getByTestId("device-name").waitFor();
  const device = new URL(page.url()).pathname;

  step("its history");
  const now = Date.now();
  await page.goto(`${url}${device}?range=${now - historyMs}..${now}`);
  const chart = page.getByTestId("chart-traffic");
  await until("the chart has points", async () => Number(await chart.getAttribute("data-points")) > 0, 60_000);
  await chart.locator("canvas").waitFor();
  const points = Number(await chart.getAttribute("data-points"));
  await page.waitForTimeout(500);
  await shot("device");

  step("a fault, by command");
  await page.goto(`${url}${device}`);
  await page.getByTestId("iface-row").first().waitFor();
  const states = () => page.getByTestId("iface-state").allTextContents();
  const down = (all) => all.filter((text) => /down/i.test(text)).length;
  await until("states are shown", async () => (await states()).length > 0);
  const before = down(await states());
  const began = Date.now();
  await promisify(exec)(env.FORETELL_FAULT);
  await until("a port more is down", async () => down(await states()) > before, 2 * intervalMs + 5000);
  const shownMs = Date.now() - began;
  await shot("fault");
  assert.ok(shownMs <= 2 * intervalMs, `the fault was shown after ${shownMs} ms, two intervals are ${2 * intervalMs} ms`);

  step("what the device says of it, and its sensors");
  await page.goto(`${url}${device}?tab=logs`);
  await until("a line tells that a port is down", async () => (await page.getByTestId("log-row").allTextContents()).some((text) => /down/i.test(text)), 30_000);
  await shot("logs");
  await page.goto(`${url}${device}?tab=sensors`);
  await until("its sensors", async () => (await page.getByTestId("part-sensors").locator("tbody tr").count()) > 0, 30_000);
  await shot("sensors");

  step("the overview tells it");
  await page.goto(url);
  await until("the link is among what is broken", async () => (await page.getByTestId("broken-link").count()) > 0, 2 * intervalMs + 10_000);
  await shot("broken");

  step("its flows");
  await page.goto(`${url}${device}?tab=flows`);
  await until("its largest flows", async () => (await page.getByTestId("flows-top").locator("tbody tr").count()) > 0, FLOWS_SHOWN_MS);
  await shot("flows");

  step("what is expected of it, and what will break");
  await page.goto(`${url}${device}?range=24h`);
  await page.getByTestId("iface-row").first().getByRole("button").click();
  await until("a forecast with its accuracy", async () => (await page.getByTestId("chart-traffic").getByTestId("forecast-words").count()) > 0, FORESEEN_MS);
  await shot("forecast");
  await page.goto(`${url}/foresight?view=accuracy`);
  await until("how good forecasts were", async () => /day/.test((await page.getByTestId("model-accuracy").textContent()) ?? ""), FORESEEN_MS);
  await shot("accuracy");
  await page.goto(`${url}/foresight`);
  await page.getByTestId("will-break").waitFor();
  if (historyMs >= HISTORY_TOLD_MS) {
    await until("a limit that comes near", async () => (await page.getByTestId("capacity-warning").count()) > 0, FORESEEN_MS);
    await until("the fault is out of the ordinary", async () => (await page.getByTestId("anomaly-row").count()) > 0, FORESEEN_MS);
  } else {
    step("SKIPPED limits that come near and anomalies: the history is too short for them");
  }
  await shot("foresight");
  await page.goto(`${url}/foresight?view=balance&all=true`);
  await until("groups whose traffic can be split", async () => (await page.getByTestId("balance-list").locator("tbody tr").count()) > 0, FORESEEN_MS);
  await shot("balance");

  step("what is kept");
  const kept = await walkStorage(page, url, shot);
  assert.ok(kept.levels > 0, "the history is in files");
  assert.deepEqual(errors, [], "errors on the console");
  console.log(JSON.stringify({ fault_shown_ms: shownMs, history_points: points, kept }));
} catch (error) {
  await shot("failed").catch(() => undefined);
  console.error(`failed: ${error.message}\nconsole: ${JSON.stringify(errors)}\naddress: ${page.url()}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
