// Logs in a real browser, against the stand-in server. Run by `mock.mjs`.

import assert from "node:assert/strict";
import { open, signIn, until } from "./browser.mjs";

export const logTests = {
  async "logs: lines are searched, narrowed and paged, and the address holds it"({ page, mock }) {
    await page.goto(`${mock.url}/logs`);
    const rows = page.getByTestId("log-row");
    await until("a page of lines", async () => (await rows.count()) === 100);
    await page.getByTestId("log-more").click();
    await until("older lines behind them", async () => (await rows.count()) === 200);
    assert.equal(new Set(await rows.evaluateAll((all) => all.map((row) => row.textContent))).size > 2, true);
    await page.getByTestId("log-severity").selectOption("3");
    await until("errors only", async () => {
      const texts = await rows.allTextContents();
      return texts.length > 0 && texts.every((text) => /LINK-3-UPDOWN/.test(text));
    });
    assert.match(page.url(), /sev=3/);
    await page.getByTestId("log-severity").selectOption("");
    await page.getByTestId("log-words").fill("publickey \"admin");
    await page.getByTestId("log-none").waitFor();
    await page.getByTestId("log-words").fill("publickey admin");
    await until("lines with both words", async () => (await rows.count()) > 0 && (await rows.allTextContents()).every((text) => /publickey/.test(text)));
    await page.reload();
    await until("the same after a reload", async () => (await rows.count()) > 0 && (await rows.allTextContents()).every((text) => /publickey/.test(text)));
    assert.equal(await page.getByTestId("log-words").inputValue(), "publickey admin");
  },

  async "logs: a device has its own, and a line says what it says besides"({ page, mock }) {
    const device = mock.control.net.devices[0];
    await page.goto(`${mock.url}/devices/${device.id}?tab=logs`);
    const rows = page.getByTestId("log-row");
    await until("its lines", async () => (await rows.count()) > 10);
    const line = rows.filter({ hasText: "UI_COMMIT_PROGRESS" }).first();
    await line.getByRole("button").click();
    const text = await line.textContent();
    for (const said of ["junos@2636 user", "admin", "Its own time", "local7", device.address]) assert.ok(text.includes(said), `${said} in ${text}`);
    await until("a clock that is off is told", async () => (await rows.allTextContents()).some((text) => /clock is 2\sh.* behind/.test(text)));
    await page.goto(`${mock.url}/logs`);
    await rows.first().getByRole("link").click();
    await page.getByTestId("tab-logs").waitFor();
    assert.equal(await page.getByTestId("tab-logs").getAttribute("aria-selected"), "true");
  },

  async "logs: they fit a phone, in both themes"({ mock, browser, password }) {
    for (const theme of ["light", "dark"]) {
      const phone = await open(browser, { width: 390, height: 844, phone: true, theme });
      await signIn(phone.page, mock.url, password);
      await phone.page.goto(`${mock.url}/logs`);
      await phone.page.getByTestId("log-row").first().waitFor();
      const width = await phone.page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(width <= 390, `it is ${width} pixels wide`);
      assert.deepEqual(phone.errors, []);
      await phone.close();
    }
  },
};
