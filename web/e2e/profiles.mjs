// Profiles, MIBs and the objects of a device in a real browser, against the stand-in server. Run by
// `mock.mjs`.

import assert from "node:assert/strict";
import { until } from "./browser.mjs";

const MIB = "ACME-MIB DEFINITIONS ::= BEGIN END";

export const profileTests = {
  async "profiles: a new one with a mistake is told by line, mended, found, changed, deleted"({ page, mock }) {
    await page.goto(mock.url);
    await page.getByRole("link", { name: "Profiles" }).click();
    const rows = page.getByTestId("profile-row");
    await until("the built-in ones", async () => (await rows.count()) === 2);
    await page.getByTestId("new-profile").click();
    const form = page.getByTestId("profile-form");
    await form.locator('[name="profile-name"]').fill("mine");
    const text = page.getByTestId("profile-text");
    await text.fill('summary = "Mine"\n[[sensor]]\nkind = "smell"\n');
    await page.getByTestId("save-profile").click();
    await page.getByTestId("mistakes").getByText("Line 3, sensor[0].kind").waitFor();
    await text.fill('summary = "Mine"\n');
    await page.getByTestId("check-profile").click();
    await form.getByText("No mistake.").waitFor();
    await page.getByTestId("save-profile").click();
    await until("it is listed first", async () => /mine.*Your own/s.test(await rows.first().textContent()));
    await page.getByTestId("find-profile").fill("mine");
    await until("it is found", async () => (await rows.count()) === 1);
    await rows.first().getByRole("link").click();
    await until("its text", async () => (await text.inputValue()).includes("Mine"));
    assert.match(page.url(), /profile=mine/);
    await text.fill('summary = "Mine, again"\n');
    await page.getByTestId("save-profile").click();
    await rows.getByText("Mine, again").waitFor();
    await rows.first().getByRole("link").click();
    await page.getByTestId("delete-profile").click();
    await page.getByTestId("confirm").click();
    await until("it is gone", async () => (await rows.count()) === 0);
    assert.doesNotMatch(page.url(), /profile=/);
  },

  async "profiles: a built-in one is read only, and copied"({ page, mock }) {
    await page.goto(`${mock.url}/profiles?profile=linux`);
    const text = page.getByTestId("profile-text");
    await until("its text", async () => (await text.inputValue()).includes("Linux hosts"));
    assert.equal(await text.getAttribute("readonly"), "");
    await page.getByTestId("copy-profile").click();
    await until("it can be written", async () => (await text.getAttribute("readonly")) === null);
    await page.keyboard.press("Escape");
    await text.waitFor({ state: "detached" });
  },

  async "MIBs: uploaded, what is missing is named, objects are searched, deleted"({ page, mock }) {
    await page.goto(`${mock.url}/profiles`);
    const pick = page.getByTestId("upload-mib");
    await pick.setInputFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("nothing") });
    await page.getByTestId("mibs").getByText(/notes.txt: there is no/).waitFor();
    await pick.setInputFiles({ name: "acme.mib", mimeType: "text/plain", buffer: Buffer.from(MIB) });
    const row = page.getByTestId("mib-row");
    await row.getByText("ACME-SMI").waitFor();
    await row.getByRole("button", { name: "ACME-MIB", exact: true }).click();
    const objects = page.getByTestId("mib-object");
    await until("its objects", async () => (await objects.count()) === 2);
    await page.getByTestId("find-object").fill("fan");
    await until("one of them", async () => (await objects.count()) === 1);
    await row.getByRole("button", { name: "Delete ACME-MIB" }).click();
    await page.getByTestId("confirm").click();
    await row.waitFor({ state: "detached" });
  },

  async "objects: walked, ticked by the keyboard, tried, saved as a profile"({ page, mock }) {
    await page.goto(`${mock.url}/devices/${mock.control.net.devices[0].id}?tab=objects`);
    const object = page.getByTestId("object");
    await object.fill("acmeSmell");
    await page.keyboard.press("Enter");
    await page.getByTestId("problem").getByText("neither an OID").waitFor();
    await object.fill("1.3.6.1.4.1.99999");
    await page.keyboard.press("Enter");
    const rows = page.getByTestId("walked-row");
    await until("two rows", async () => (await rows.count()) === 2);
    await rows.first().getByRole("checkbox").focus();
    await page.keyboard.press("Space");
    const form = page.getByTestId("stanza");
    await form.locator('[name="divide"]').fill("10");
    await form.locator('[name="label"]').fill("Inside");
    const text = page.getByTestId("stanza-text");
    await until("the profile", async () => /object_id = \["1.3.6.1.4.1.99999.1"\][^]*divide = 10[^]*name = "Inside"/.test(await text.inputValue()));
    // What is typed into it stays, whatever comes from the device.
    await text.fill(`# Of the north wing\n${await text.inputValue()}`);
    await page.evaluate(() => new Promise((heard) => window.addEventListener("foretell:sample", heard, { once: true })));
    assert.match(await text.inputValue(), /^# Of the north wing/);
    await page.getByTestId("try").click();
    const trial = page.getByTestId("trial");
    await trial.getByText("31.5 °C").waitFor();
    await form.locator('[name="profile-name"]').fill("tried");
    await page.getByTestId("save-as-profile").click();
    await page.getByTestId("saved").getByRole("link", { name: "tried" }).click();
    await until("its text on the page of profiles", async () => (await page.getByTestId("profile-text").inputValue()).includes("acmeTemp"));
  },
};
