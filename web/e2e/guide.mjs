// The pictures of the guide, from a demo: `cargo xtask pictures` starts one and runs this.
//
//   FORETELL_URL=http://127.0.0.1:8080 FORETELL_PASSWORD=... FORETELL_DEVICE=core-1 \
//   FORETELL_HISTORY_SECS=1209600 node e2e/guide.mjs DIR

import { launch, open, signIn, until } from "./browser.mjs";

const env = process.env;
const dir = process.argv[2];
for (const name of ["FORETELL_URL", "FORETELL_PASSWORD", "FORETELL_DEVICE"]) {
  if (!env[name] || !dir) {
    console.error(`${name} and a folder are needed`);
    process.exit(2);
  }
}
const url = env.FORETELL_URL.replace(/\/$/, "");
const historyMs = Number(env.FORETELL_HISTORY_SECS ?? 1_209_600) * 1000;

const browser = await launch();
const { page, errors } = await open(browser, { width: 1280, height: 800 });
const shot = (name) => page.screenshot({ path: `${dir}/${name}.png` });
try {
  await signIn(page, url, env.FORETELL_PASSWORD);
  // Rates stand after the second poll.
  await page.waitForTimeout(3000);
  await shot("overview");

  await page.goto(`${url}/map`);
  await page.getByTestId("map").waitFor();
  await page.waitForTimeout(2500);
  await shot("map");

  await page.goto(`${url}/devices?q=${encodeURIComponent(env.FORETELL_DEVICE)}`);
  await page.getByRole("link", { name: env.FORETELL_DEVICE, exact: true }).first().click();
  await page.getByTestId("device-name").waitFor();
  const device = new URL(page.url()).pathname;
  const now = Date.now();
  await page.goto(`${url}${device}?range=${now - historyMs}..${now}`);
  const chart = page.getByTestId("chart-traffic");
  await until("the chart has points", async () => Number(await chart.getAttribute("data-points")) > 0, 60_000);
  await page.waitForTimeout(1500);
  await shot("device");
  if (errors.length > 0) throw new Error(errors.join("; "));
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await browser.close();
}
