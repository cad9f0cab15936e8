// The page in a real browser against the stand-in server: node e2e/mock.mjs [PART OF A TEST'S NAME]
// Run `npm run build` first. Prints one line a test; exits 1 where one fails.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { readdir, readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { launch, open, signIn, until } from "./browser.mjs";
import { deviceTests } from "./device.mjs";
import { flowTests } from "./flows.mjs";
import { foresightTests } from "./foresight.mjs";
import { logTests } from "./logs.mjs";
import { largeMap, mapTests } from "./map.mjs";
import { startMock } from "./mock/server.mjs";
import { operateTests } from "./operate.mjs";
import { profileTests } from "./profiles.mjs";
import { storageTests } from "./storage.mjs";

const PASSWORD = "correct horse";
const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const only = process.argv[2];

/** Each test gets a page that is signed in, and the mock's controls. */
const tests = {
  async "a wrong password is told, a right one signs in and out"({ page, mock }) {
    await page.getByTestId("account").click();
    await page.getByTestId("sign-out").click();
    await page.getByTestId("password").fill("wrong");
    await page.getByTestId("sign-in").click();
    await page.getByTestId("sign-in-problem").waitFor();
    await signIn(page, mock.url, PASSWORD);
  },

  async "a session that ends leads to the sign-in, and back to the same view"({ page, mock }) {
    await page.goto(`${mock.url}/links`);
    await page.getByTestId("link-row").first().waitFor();
    mock.control.state.session = null;
    mock.control.cut();
    await page.getByTestId("password").fill(PASSWORD);
    await page.getByTestId("sign-in").click();
    await page.getByTestId("link-row").first().waitFor();
  },

  async "now says how things are, and changes by itself"({ page, mock }) {
    const sentence = page.getByTestId("sentence");
    assert.equal(await sentence.textContent(), "1 device is down, 1 is degraded, 1 link is down.");
    assert.match(await page.getByTestId("system-notice").textContent(), /ICMP is not permitted/);
    const { control } = mock;
    control.setStatus(control.net.devices[3], "up");
    await until("the sentence changes", async () => (await sentence.textContent()) === "1 device is degraded, 1 link is down.");
    control.setStatus(control.net.devices[3], "down");
    await until("and back", async () => (await sentence.textContent()) === "1 device is down, 1 is degraded, 1 link is down.");
  },

  async "live values change in place, without a jump of scroll, selection or focus"({ page, mock }) {
    await page.goto(`${mock.url}/devices/${mock.control.net.devices[0].id}`);
    const row = page.getByTestId("iface-row").nth(18);
    await row.scrollIntoViewIfNeeded();
    const cell = row.getByTestId("in-rate");
    await until("the first live sample", () => cell.getAttribute("data-sample-at"));
    await row.getByRole("button").focus();
    const seen = await page.evaluate(() => {
      const cells = document.querySelectorAll('[data-testid="in-rate"]');
      window.kept = cells[18];
      return { y: window.scrollY, at: cells[18].dataset.sampleAt, bps: cells[18].dataset.bps };
    });
    assert.ok(seen.y > 100, "the page is scrolled");
    await until("a later sample", async () => (await cell.getAttribute("data-sample-at")) > seen.at && (await cell.getAttribute("data-bps")) !== seen.bps);
    const then = await page.evaluate(() => ({ y: window.scrollY, same: document.querySelectorAll('[data-testid="in-rate"]')[18] === window.kept, focus: document.activeElement?.className }));
    assert.equal(then.y, seen.y, "scroll");
    assert.ok(then.same, "the cell is the same element");
    assert.match(then.focus, /pick/, "focus");
  },

  async "every rendered sample is announced with its delay"({ page, mock }) {
    await page.goto(`${mock.url}/devices/${mock.control.net.devices[0].id}`);
    await page.evaluate(() => {
      window.delays = [];
      window.addEventListener("foretell:sample", (event) => window.delays.push(event.detail.receivedAt - event.detail.at));
    });
    const delays = await until("three samples", async () => {
      const all = await page.evaluate(() => window.delays);
      return all.length >= 3 && all;
    });
    // The promise is measured in the lab; here the best of them shows that nothing waits.
    assert.ok(Math.min(...delays) < 1000, `delays ${delays}`);
  },

  async "charts: gaps, ranges in the address, back, zoom by dragging, table"({ page, mock }) {
    const base = `${mock.url}/devices/${mock.control.net.devices[0].id}`;
    await page.goto(base);
    const chart = page.getByTestId("chart-traffic");
    await chart.locator("canvas").waitFor();
    await page.getByTestId("range-6h").click();
    assert.match(page.url(), /range=6h/);
    await until("a new step", async () => /1.min/.test(await chart.locator("h2 small").textContent()));
    const box = await chart.locator(".u-over").boundingBox();
    await page.mouse.move(box.x + 200, box.y + 60);
    await page.mouse.down();
    await page.mouse.move(box.x + 420, box.y + 60, { steps: 4 });
    await page.mouse.up();
    await until("the zoom is in the address", async () => /range=\d+\.\.\d+/.test(decodeURIComponent(page.url())));
    const zoomed = page.url();
    await page.getByTestId("range-back").click();
    await until("the range before", async () => /range=6h/.test(page.url()));
    await page.goto(zoomed);
    await page.getByTestId("range-back").click();
    await until("a live range", async () => !/range=/.test(page.url()));
    await page.getByTestId("range-6h").click();
    await chart.getByRole("button", { name: "Table" }).click();
    await chart.locator("tbody tr").first().waitFor();
    await page.getByTestId("iface-row").first().getByRole("button").click();
    await until("the interface's own chart", async () => /te0\/0\/0/.test(await page.getByTestId("chart-traffic").locator("h2").textContent()));
    assert.match(page.url(), /if=/);
  },

  async "another device at its address is told, and accepted in its place"({ page, mock }) {
    const { control } = mock;
    const device = control.net.devices[8];
    const met = { name: "newcomer", vendor: "Acme", model: "X100", serial: "B2" };
    const conflict = { since: new Date().toISOString(), reason: "serial number A1 was known, B2 is said here", met };
    Object.assign(device, { identity_conflict: conflict, revision: device.revision + 1 });
    await page.goto(`${mock.url}/devices/${device.id}`);
    const banner = page.getByTestId("identity-conflict");
    assert.match(await banner.textContent(), /newcomer, Acme X100, serial number B2.*A1 was known/);
    await page.getByTestId("identity-moved").click();
    await page.getByTestId("device-form").waitFor();
    await page.keyboard.press("Escape");
    await page.getByTestId("identity-replaced").click();
    await page.getByTestId("confirm").click();
    await until("the banner goes", async () => (await banner.count()) === 0);
    assert.equal(await page.getByTestId("device-name").textContent(), "newcomer");
  },

  async "disconnected is said, and it catches up by itself"({ page, mock }) {
    const { control } = mock;
    const pill = page.getByTestId("freshness");
    await until("live", async () => (await pill.getAttribute("data-state")) === "live");
    control.refuse = true;
    control.cut();
    await until("disconnected", async () => (await pill.getAttribute("data-state")) === "disconnected");
    const device = control.net.devices[5];
    control.setStatus(device, "down");
    control.refuse = false;
    await until("live again", async () => (await pill.getAttribute("data-state")) === "live", 15_000);
    await until("what was missed is shown", async () => /2 devices are down/.test(await page.getByTestId("sentence").textContent()));
    control.setStatus(device, "up");
  },

  async "a silent stream is said to be behind"({ page, mock }) {
    const pill = page.getByTestId("freshness");
    await until("live", async () => (await pill.getAttribute("data-state")) === "live");
    mock.control.mute = true;
    try {
      // The mock's heartbeat is a second, so the stream gives up at 2.5 s: behind, then reconnecting.
      await until("no longer live", async () => (await pill.getAttribute("data-state")) !== "live", 15_000);
    } finally {
      mock.control.mute = false;
    }
    await until("live again", async () => (await pill.getAttribute("data-state")) === "live", 15_000);
  },

  async "lagged makes the page fetch again"({ page, mock }) {
    await until("live", async () => (await page.getByTestId("freshness").getAttribute("data-state")) === "live");
    const before = mock.control.state.requests.filter((r) => r === "GET /health").length;
    mock.control.lag();
    await until("health is fetched again", () => mock.control.state.requests.filter((r) => r === "GET /health").length > before);
  },

  async "discovery: a credential made inside, a wrong target pointed at, progress, results, reasons"({ page, mock }) {
    await page.goto(`${mock.url}/devices`);
    await page.getByTestId("discover").first().click();
    assert.match(page.url(), /discover=new/);
    await page.getByTestId("targets").fill("192.0.2.0/29\nnowhere_at_all");
    await page.getByTestId("community").fill("public");
    await page.getByTestId("save-credential").click();
    await page.getByTestId("use-credential").waitFor();
    await page.getByTestId("start-discovery").click();
    await page.getByText("nowhere_at_all: it is no network").waitFor();
    await page.getByTestId("targets").fill("192.0.2.0/29");
    await page.getByTestId("start-discovery").click();
    await page.locator('[data-testid="discovery"][data-phase="running"]').waitFor();
    await page.locator('[data-testid="discovery"][data-phase="done"]').waitFor();
    assert.equal(await page.getByTestId("discovery-result").count(), 3);
    await page.getByText("The digest is wrong").waitFor();
    assert.equal(await page.getByTestId("devices-found").getAttribute("data-count"), "2");
    await page.getByTestId("discovery-result").first().getByRole("link").click();
    await page.getByTestId("device-name").waitFor();
  },

  async "a device is added, changed, and its wrong address pointed at"({ page, mock }) {
    await page.goto(`${mock.url}/devices`);
    await page.getByTestId("add-device").click();
    const form = page.getByTestId("device-form");
    await form.locator('[name="address"]').fill("not one");
    await page.getByTestId("save-device").click();
    await form.getByText("it is not an address").waitFor();
    await form.locator('[name="address"]').fill("192.0.2.200");
    await form.locator('[name="name"]').fill("new-one");
    await page.getByTestId("save-device").click();
    await until("its page", async () => (await page.getByTestId("device-name").textContent().catch(() => "")) === "new-one");
    await page.getByTestId("edit-device").click();
    await form.locator('[name="name"]').fill("renamed");
    await form.locator('[name="maintenance"]').check();
    await form.locator('datalist option[value="linux"]').waitFor({ state: "attached" });
    await form.locator('[name="profile"]').fill("linux");
    await page.getByTestId("save-device").click();
    await until("its new name", async () => (await page.getByTestId("device-name").textContent()) === "renamed");
    await page.getByRole("link", { name: "linux", exact: true }).waitFor();
  },

  async "by keyboard alone: skip link, search, dialogue, tabs"({ page, mock }) {
    await page.goto(`${mock.url}/devices`);
    await page.getByTestId("device-row").first().waitFor();
    await page.keyboard.press("Tab");
    assert.match(await page.evaluate(() => document.activeElement.textContent), /Skip/);
    assert.ok(await page.evaluate(() => document.activeElement.getBoundingClientRect().top >= 0), "the skip link is in sight");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "main");
    await page.keyboard.press("/");
    assert.equal(await page.evaluate(() => document.activeElement.dataset.testid), "search");
    await page.keyboard.type("ams-");
    await until("the list is filtered", async () => /q=ams-/.test(page.url()) && (await page.getByTestId("device-row").count()) < 15);
    await page.keyboard.press("Escape");
    await until("and whole again", async () => !/q=/.test(page.url()));
    await page.getByTestId("add-device").focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    for (let i = 0; i < 20; i += 1) {
      await page.keyboard.press("Tab");
      const inside = await page.evaluate(() => document.activeElement === document.body || document.querySelector("dialog").contains(document.activeElement));
      assert.ok(inside, "the focus stays in the dialogue");
    }
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    assert.equal(await page.evaluate(() => document.activeElement.dataset.testid), "add-device", "the focus is back");
    await page.goto(`${mock.url}/devices/${mock.control.net.devices[0].id}`);
    await page.getByTestId("tab-interfaces").focus();
    await page.keyboard.press("ArrowRight");
    await page.getByTestId("past-device").waitFor();
    await page.keyboard.press("ArrowRight");
    await page.getByTestId("neighbor-row").first().waitFor();
    await page.goto(mock.url);
    await page.getByTestId("search").focus();
    await page.keyboard.type("ams");
    await page.getByRole("option").first().waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await until("a device's page", async () => /^ams-/.test(await page.getByTestId("device-name").textContent().catch(() => "")));
  },

  async "every control that has the focus shows it"({ page, mock }) {
    await page.goto(`${mock.url}/devices/${mock.control.net.devices[0].id}`);
    await page.getByTestId("charts").waitFor();
    for (let i = 0; i < 25; i += 1) {
      await page.keyboard.press("Tab");
      const seen = await page.evaluate(() => {
        const style = getComputedStyle(document.activeElement);
        return { what: document.activeElement.outerHTML.slice(0, 80), outline: style.outlineStyle !== "none" && style.outlineWidth !== "0px" };
      });
      assert.ok(seen.outline, seen.what);
    }
  },

  async "themes: the system's, then the one that was chosen"({ page, mock }) {
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.equal(await background(), "rgb(246, 247, 249)");
    await page.emulateMedia({ colorScheme: "dark" });
    assert.equal(await background(), "rgb(14, 17, 22)");
    await page.getByTestId("account").click();
    await page.getByTestId("theme-toggle").click();
    assert.equal(await background(), "rgb(246, 247, 249)");
    await page.goto(`${mock.url}/devices`);
    await page.getByTestId("device-row").first().waitFor();
    assert.equal(await background(), "rgb(246, 247, 249)", "kept");
  },

  async "nothing is wider than a phone"({ browser, mock }) {
    const { page, errors, close } = await open(browser, { width: 390, height: 844, phone: true });
    await signIn(page, mock.url, PASSWORD);
    const id = mock.control.net.devices[0].id;
    for (const path of ["/", "/devices", "/map", "/links", "/discovery", "/credentials", `/devices/${id}`, "/devices?discover=new"]) {
      await page.goto(mock.url + path);
      await page.locator("main h1").waitFor();
      await page.waitForTimeout(300);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(width <= 390, `${path} is ${width} pixels wide`);
    }
    assert.deepEqual(errors, []);
    await close();
  },
};

/** The bound of what a browser fetches before the first view stands, in octets of gzip. */
const FIRST_LOAD_MAX = 200_000;

/** What the page's first view is made of; the code of the map and of storage is not in it. */
async function firstLoad() {
  const html = await readFile(`${dist}index.html`);
  const named = [...String(html).matchAll(/assets\/[\w.-]+/g)].map(([name]) => name);
  const files = await Promise.all(named.map((name) => readFile(dist + name)));
  const octets = [html, ...files].reduce((sum, bytes) => sum + gzipSync(bytes).length, 0);
  assert.ok(octets < FIRST_LOAD_MAX, `${octets} octets`);
  const all = await readdir(`${dist}assets`);
  for (const apart of ["MapPage", "StoragePage", "ForesightPage"]) assert.ok(all.some((name) => name.startsWith(apart)) && !named.some((name) => name.includes(apart)), `${apart} is apart`);
  return octets;
}

/** Ten thousand devices, on a server of their own. */
async function many(browser) {
  const mock = await startMock({ dist, devices: 10_000, intervalSecs: 60 });
  const { page, errors, close } = await open(browser);
  await signIn(page, mock.url, PASSWORD);
  // The best of a few: what is measured is the page, not what else the machine does.
  let took = Infinity;
  for (let i = 0; i < 4; i += 1) {
    await page.getByRole("link", { name: "Now", exact: true }).click();
    await page.getByTestId("broken").waitFor();
    const began = Date.now();
    await page.getByRole("link", { name: "Devices", exact: true }).click();
    await page.getByTestId("device-row").first().waitFor();
    took = Math.min(took, Date.now() - began);
  }
  assert.ok(took < 1000, `the first rows came after ${took} ms`);
  await page.getByTestId("device-count").filter({ hasText: "10,000" }).waitFor();
  for (let i = 0; i < 6; i += 1) {
    await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
    await page.waitForTimeout(250);
  }
  const drawn = await page.getByTestId("device-row").count();
  assert.ok(drawn > 5 && drawn < 80, `${drawn} rows are drawn`);
  await page.getByRole("columnheader", { name: "Site" }).getByRole("button").click();
  await until("sorted", async () => /sort=site/.test(page.url()) && /ams/.test(await page.getByTestId("device-row").first().textContent()));
  assert.deepEqual(errors, []);
  await close();
  await mock.control.stop();
  return took;
}

const browser = await launch();
const mock = await startMock({ dist, devices: 40, intervalSecs: 1 });
let failed = 0;
for (const [name, test] of Object.entries({ ...tests, ...deviceTests, ...flowTests, ...foresightTests, ...logTests, ...operateTests, ...profileTests, ...storageTests, ...mapTests })) {
  if (only && !name.includes(only)) continue;
  const { page, errors, close } = await open(browser);
  const began = Date.now();
  try {
    await signIn(page, mock.url, PASSWORD);
    await test({ page, mock, browser, password: PASSWORD });
    assert.deepEqual(errors, [], "errors on the console");
    console.log(`ok   ${name} (${Date.now() - began} ms)`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${name}\n     ${error.message}\n     console: ${JSON.stringify(errors)}`);
  }
  await close();
}
await mock.control.stop();
for (const [name, measure] of [
  ["first load in octets of gzip", firstLoad],
  ["10,000 devices: ms to the first rows", () => many(browser)],
  ["5,000 devices: ms to the map, folded", () => largeMap(browser, { dist, password: PASSWORD })],
]) {
  if (only && !name.includes(only)) continue;
  try {
    console.log(`ok   ${name}: ${await measure()}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${name}\n     ${error.message}`);
  }
}
await browser.close();
process.exit(failed === 0 ? 0 : 1);
