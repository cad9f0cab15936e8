// What operators look back on and set, in a real browser against the stand-in server: availability,
// health over time, the busiest, maintenance, schedules. Run by `mock.mjs`.

import assert from "node:assert/strict";
import { open, signIn, until } from "./browser.mjs";

/** Requests that the overview may make; their number must not depend on the size of the network. */
const OVERVIEW_REQUESTS_MAX = 20;

export const operateTests = {
  async "availability: percent of a day, a week and a month, the strip and its outages"({ page, mock }) {
    const { net } = mock.control;
    await page.goto(`${mock.url}/devices/${net.devices[1].id}?tab=availability&past=7d`);
    const past = page.getByTestId("past-device");
    for (const [range, text] of [["24h", /\d+\.\d+.%.*outage/], ["7d", /outage/], ["30d", /of 29.d measured|of 28.d measured/]]) {
      await until(`the sum of ${range}`, async () => text.test(await past.getByTestId(`availability-${range}`).textContent()));
    }
    const strip = past.getByTestId("status-strip");
    await until("an outage in the strip", async () => /down/.test(await strip.getAttribute("data-pieces")));
    const rows = past.getByTestId("outage");
    await until("an outage in the list", async () => (await rows.count()) >= 1);
    assert.match(await rows.first().textContent(), /SNMP: No answer/);
    await strip.focus();
    await page.keyboard.press("ArrowLeft");
    await past.getByText(/Up, .* to now/).waitFor();
    await past.getByTestId("past-30d").click();
    assert.match(page.url(), /past=30d/);
    await page.goBack();
    assert.match(page.url(), /past=7d/);
    const port = net.interfaces.find((i) => i.device_id === net.devices[1].id);
    await page.goto(`${mock.url}/devices/${net.devices[1].id}?if=${port.id}`);
    await until("the strip of an interface", async () => /up/.test((await page.getByTestId("past-interface").getByTestId("status-strip").getAttribute("data-pieces")) ?? ""));
  },

  async "now: health over time, the busiest by the server, and few requests"({ page, mock }) {
    const { state } = mock.control;
    await page.goto(`${mock.url}/credentials`);
    await page.locator("main h1").waitFor();
    const before = state.requests.length;
    await page.getByRole("link", { name: "Now", exact: true }).click();
    const chart = page.getByTestId("chart-health");
    await chart.locator("canvas").waitFor();
    await until("the busiest", async () => (await page.getByTestId("busiest-row").count()) === 6);
    await page.waitForTimeout(300);
    const made = state.requests.slice(before);
    assert.ok(made.length <= OVERVIEW_REQUESTS_MAX, `${made.length} requests: ${made.join(", ")}`);
    assert.match(await page.getByTestId("busiest-row").first().textContent(), /9\d(\.\d)?.%/);
    await page.getByTestId("busiest").getByRole("button", { name: "Traffic" }).click();
    await until("by traffic", async () => /bit\/s/.test(await page.getByTestId("busiest-row").first().textContent()));
    assert.match(page.url(), /busiest=traffic/);
    await page.getByTestId("past-7d").click();
    await until("a longer step", async () => /3\d.min/.test(await chart.locator("h2 small").textContent()));
  },

  async "maintenance: begun with an end and a reason, shown on the device, ended"({ page, mock }) {
    const device = mock.control.net.devices[2];
    await page.goto(`${mock.url}/devices/${device.id}`);
    await page.getByTestId("maintenance").click();
    const form = page.getByTestId("maintenance-form");
    await form.locator('[name="ends"]').selectOption("at");
    await form.locator('[name="at"]').fill("2020-01-01T00:00");
    await form.locator('[name="reason"]').fill("new line card");
    await page.getByTestId("begin-maintenance").click();
    await form.getByText("it is over").first().waitFor();
    await form.locator('[name="ends"]').selectOption("4h");
    await page.getByTestId("begin-maintenance").click();
    const notice = page.getByTestId("maintenance-notice");
    await notice.waitFor();
    assert.match(await notice.textContent(), /until .*(4.h|3.h 59.min) left\): new line card/);
    await page.getByTestId("end-maintenance").click();
    await notice.waitFor({ state: "detached" });
    assert.equal(device.maintenance, false);
  },

  async "maintenance: of many devices chosen in the list"({ page, mock }) {
    const { net } = mock.control;
    await page.goto(`${mock.url}/devices?q=utr-`);
    await until("the list is filtered", async () => /^utr-/.test(await page.getByTestId("device-row").first().locator(".name").textContent()));
    await page.getByTestId("choose").nth(0).check();
    await page.getByTestId("choose").nth(1).check();
    assert.match(await page.getByTestId("chosen-count").textContent(), /2 devices/);
    await page.getByTestId("chosen-maintenance").click();
    await page.getByTestId("begin-maintenance").click();
    await page.getByTestId("chosen-said").getByText("2 devices in maintenance").waitFor();
    await until("the list says so", async () => (await page.getByTestId("device-row").getByText("Maintenance").count()) === 2);
    await page.getByTestId("choose-all").check();
    await page.getByTestId("chosen-end").click();
    await until("ended", () => net.devices.filter((d) => /^utr-/.test(d.name)).every((d) => !d.maintenance));
    await until("nothing is chosen any more", async () => (await page.getByTestId("chosen-count").count()) === 0);
  },

  async "schedules: made, a fault pointed at, changed, run, switched off, deleted"({ page, mock }) {
    await page.goto(`${mock.url}/discovery`);
    const panel = page.getByTestId("schedules");
    await page.getByTestId("new-schedule").click();
    const form = page.getByTestId("schedule-form");
    await form.locator('[name="name"]').fill("nightly");
    await form.getByTestId("targets").fill("192.0.2.0/29 nowhere_at_all");
    await page.getByTestId("save-schedule").click();
    await form.getByText("nowhere_at_all: it is no network").waitFor();
    await form.getByTestId("targets").fill("192.0.2.0/29");
    await page.getByTestId("save-schedule").click();
    const row = panel.getByTestId("schedule-row");
    await row.getByText("daily at 03:30 UTC").waitFor();
    await page.getByTestId("edit-schedule").click();
    await form.locator('[name="when"]').selectOption("every");
    await form.locator('[name="minutes"]').fill("90");
    await page.getByTestId("save-schedule").click();
    await row.getByText("every 1 h 30 min").waitFor().catch(() => row.getByText(/every 1.h 30.min/).waitFor());
    await page.getByTestId("run-schedule").click();
    await page.locator('[data-testid="discovery"][data-phase="done"]').waitFor();
    await page.getByTestId("dialog-close").click();
    await page.getByText("scheduled", { exact: true }).first().waitFor();
    const box = row.getByRole("checkbox");
    await page.route("**/discovery-schedules/*", (route) =>
      route.request().method() === "PATCH" ? route.fulfill({ status: 412, contentType: "application/problem+json", body: JSON.stringify({ type: "about:blank", title: "It was changed meanwhile", status: 412 }) }) : route.fallback(),
    );
    await box.click();
    await panel.getByText("It was changed meanwhile").waitFor();
    await until("a refused change takes its tick back", () => box.isChecked());
    await page.unroute("**/discovery-schedules/*");
    await box.uncheck();
    await row.getByText("not by itself").waitFor();
    await page.getByTestId("delete-schedule").click();
    await page.getByTestId("confirm").click();
    await panel.getByText("None. A schedule").waitFor();
  },

  async "what is new fits a phone, in both themes"({ mock, browser, password }) {
    const { net } = mock.control;
    for (const theme of ["light", "dark"]) {
      const phone = await open(browser, { width: 390, height: 844, phone: true, theme });
      await signIn(phone.page, mock.url, password);
      for (const path of ["/", "/devices", "/discovery", `/devices/${net.devices[6].id}`, `/devices/${net.devices[1].id}?tab=availability&past=30d`]) {
        await phone.page.goto(mock.url + path);
        await phone.page.locator("main h1").waitFor();
        await phone.page.waitForTimeout(400);
        const width = await phone.page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(width <= 390, `${path} is ${width} pixels wide`);
      }
      assert.deepEqual(phone.errors, []);
      await phone.close();
    }
  },
};
