// The tab Flows in a real browser, against the stand-in server. Run by `mock.mjs`.

import assert from "node:assert/strict";
import { open, signIn, until } from "./browser.mjs";

export const flowTests = {
  async "flows: a table and a chart are asked for once, interfaces only where the range is another"({ page, mock }) {
    const device = mock.control.net.devices[0];
    const { requests } = mock.control.state;
    const asked = (path) => requests.filter((one) => one === `GET /flows/${path}`).length;
    const counts = () => ["series", "interfaces", "top"].map(asked);
    await page.goto(`${mock.url}/devices/${device.id}?tab=flows`);
    const rows = page.getByTestId("flows-top").locator("tbody tr");
    await until("the rows", async () => (await rows.count()) === 8);
    await until("all was asked", () => asked("interfaces") === 1);
    assert.deepEqual(counts(), [1, 1, 0]);
    assert.match(await rows.first().textContent(), /https \(tcp\/443\)/);
    // Of the eight rows six are lines, and what the others had is one more.
    await page.getByTestId("chart-flows").waitFor();
    assert.equal((await page.getByTestId("chart-flows").textContent()).includes("Others"), true);
    assert.equal((await page.getByTestId("chart-flows").textContent()).includes("rsync"), false);

    await page.getByTestId("flow-by").selectOption("host");
    await until("hosts", async () => (await rows.count()) === 3);
    assert.match(page.url(), /flow_by=host/);
    assert.deepEqual(counts(), [2, 1, 0]);

    const one = page.getByTestId("flow-interface").locator("option").nth(1);
    await page.getByTestId("flow-interface").selectOption(await one.getAttribute("value"));
    await until("those of an interface", () => asked("series") === 3);
    // The device itself changes often: nothing is asked for that.
    mock.control.setStatus(device, "degraded");
    mock.control.setStatus(device, "up");
    await page.getByTestId("flow-direction").selectOption("egress");
    await until("the other way", () => asked("series") === 4);
    assert.deepEqual(counts(), [4, 1, 0]);

    await page.goto(`${page.url()}&range=24h`);
    await until("another range", () => asked("interfaces") === 2);
    await until("and its rows", async () => (await rows.count()) === 3);
    assert.equal(await page.getByTestId("flow-direction").inputValue(), "egress");
  },

  async "flows: an application of an interface has a chart with its forecast"({ page, mock }) {
    const device = mock.control.net.devices[0];
    await page.goto(`${mock.url}/devices/${device.id}?tab=flows`);
    const rows = page.getByTestId("flows-top").locator("tbody tr");
    await until("the rows", async () => (await rows.count()) === 8);
    assert.equal(await rows.first().getByRole("button").count(), 0, "of all interfaces together there is none");
    const one = page.getByTestId("flow-interface").locator("option").nth(1);
    await page.getByTestId("flow-interface").selectOption(await one.getAttribute("value"));
    await rows.first().getByRole("button").click();
    await page.getByTestId("chart-part").waitFor();
    assert.match(page.url(), /flow_app=tcp%2F443/);
    assert.match(await page.getByTestId("chart-part").textContent(), /https \(tcp\/443\)/);
    await until("its forecast", () => mock.control.state.requests.some((asked) => asked.startsWith("GET /forecasts/")));
    await page.getByRole("button", { name: /rsync/ }).click();
    await until("that another has none", async () => /no series of its own/.test(await page.getByTestId("flow-application").textContent()));
  },

  async "flows: who sends them says how it is, and who sends none is told what to do"({ page, mock }) {
    const [first, other] = mock.control.net.devices;
    await page.goto(`${mock.url}/devices/${first.id}?tab=flows`);
    const text = await page.getByTestId("flow-exporters").textContent();
    for (const said of [first.address, "IPFIX", "1 in 100", "more interfaces than a minute holds of one exporter"]) assert.ok(text.includes(said), `${said} in ${text}`);
    await page.goto(`${mock.url}/devices/${other.id}?tab=flows`);
    assert.match(await page.getByTestId("flows-none").textContent(), /No flows have come from this device/);
  },

  async "flows: they fit a phone, in both themes"({ mock, browser, password }) {
    for (const theme of ["light", "dark"]) {
      const phone = await open(browser, { width: 390, height: 844, phone: true, theme });
      await signIn(phone.page, mock.url, password);
      await phone.page.goto(`${mock.url}/devices/${mock.control.net.devices[0].id}?tab=flows`);
      await phone.page.getByTestId("flows-top").waitFor();
      const width = await phone.page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(width <= 390, `it is ${width} pixels wide`);
      assert.deepEqual(phone.errors, []);
      await phone.close();
    }
  },
};
