// The tabs of a device's page in a real browser, against the stand-in server. Run by `mock.mjs`.

import assert from "node:assert/strict";
import { open, signIn, until } from "./browser.mjs";

export const deviceTests = {
  async "tabs: the address holds them, keys go through them, what is empty says so"({ page, mock }) {
    const base = `${mock.url}/devices/${mock.control.net.devices[0].id}`;
    await page.goto(`${base}?tab=sensors`);
    await page.getByTestId("part-sensors").getByText("PSU 1 inlet").first().waitFor();
    assert.equal(await page.getByTestId("tab-sensors").getAttribute("aria-selected"), "true");
    await page.getByTestId("tab-sensors").focus();
    for (const [key, tab, testid] of [["ArrowRight", "optics", "part-optics"], ["ArrowRight", "power", "tab-power"], ["ArrowRight", "wireless", "part-radios"], ["ArrowRight", "storage", "part-storage"], ["ArrowRight", "addresses", "part-addresses"], ["ArrowRight", "routing", "part-arp"], ["ArrowRight", "vlans", "part-none"], ["End", "objects", "object"]]) {
      await page.keyboard.press(key);
      await page.getByTestId(testid).first().waitFor();
      assert.match(page.url(), new RegExp(`tab=${tab}`));
      assert.equal(await page.evaluate(() => document.activeElement.dataset.testid), `tab-${tab}`, "the focus goes along");
    }
    await page.keyboard.press("Home");
    await page.getByTestId("iface-row").first().waitFor();
    await page.goto(`${base}?tab=vlans`);
    assert.match(await page.getByTestId("part-none").textContent(), /told of no VLANs \(Q-BRIDGE-MIB\)/);
    await page.goto(`${mock.url}/devices/${mock.control.net.devices[1].id}?tab=vlans`);
    const office = page.getByTestId("part-vlans").locator("tbody tr").filter({ hasText: "office" });
    assert.match(await office.textContent(), /te0\/0\/1, te0\/0\/2.*te0\/0\/0/s);
    // An address of before.
    await page.goto(`${base}?tab=hardware`);
    await page.getByTestId("part-memory").waitFor();
    await page.goto(`${base}?tab=addresses`);
    await page.getByTestId("part-addresses").getByRole("link", { name: "te0/0/0" }).click();
    await page.getByTestId("all-interfaces").waitFor();
  },

  async "tabs: a value has its past beside it, and the whole of it as a chart"({ page, mock }) {
    await page.goto(`${mock.url}/devices/${mock.control.net.devices[0].id}?tab=sensors&range=6h`);
    const rows = page.getByTestId("part-sensors").locator("tbody tr");
    await until("five sensors", async () => (await rows.count()) === 5);
    const lines = page.getByTestId("part-history");
    await until("four of them with a past", async () => (await lines.count()) === 4);
    await until("the line is drawn", async () => ((await lines.first().locator("path.line").getAttribute("d")) ?? "").length > 20);
    await lines.first().click();
    const chart = page.getByTestId("chart-part");
    await chart.locator("canvas").waitFor();
    assert.match(page.url(), /series=/);
    assert.match(await chart.textContent(), /°C/);
    await page.reload();
    await chart.locator("canvas").waitFor();
    await page.getByTestId("tab-storage").click();
    await page.getByTestId("part-storage").waitFor();
    assert.doesNotMatch(page.url(), /series=/);
  },

  async "tabs: each fits a phone, in both themes"({ mock, browser, password }) {
    for (const theme of ["light", "dark"]) {
      const phone = await open(browser, { width: 390, height: 844, phone: true, theme });
      await signIn(phone.page, mock.url, password);
      for (const tab of ["interfaces", "availability", "neighbors", "checks", "sensors", "wireless", "storage", "addresses", "routing", "vlans", "logs", "inventory"]) {
        await phone.page.goto(`${mock.url}/devices/${mock.control.net.devices[0].id}?tab=${tab}`);
        await phone.page.getByTestId(`tab-${tab}`).waitFor();
        await phone.page.waitForTimeout(250);
        const width = await phone.page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(width <= 390, `${tab} is ${width} pixels wide`);
      }
      assert.deepEqual(phone.errors, []);
      await phone.close();
    }
  },
};
