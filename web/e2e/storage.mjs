// What is kept and what is done with it, in a real browser against the stand-in server. Run by `mock.mjs`.

import assert from "node:assert/strict";
import { open, signIn, until } from "./browser.mjs";

/** Requests that opening a section may make. */
const SECTION_REQUESTS_MAX = 3;
const plain = (text) => text.replaceAll("\u202f", " ").replaceAll("\u00a0", " ");

export const storageTests = {
  async "storage: how much there is, by detail, and few requests a section"({ page, mock }) {
    await page.getByRole("link", { name: "Storage", exact: true }).click();
    const said = page.getByTestId("storage-sentence");
    await said.waitFor();
    assert.match(plain(await said.textContent()), /^1\.24 TiB of samples since \d+ \w+ \d{4}, 4\.\d+ GiB a day\.$/);
    const rows = page.getByTestId("level-row");
    assert.equal(await rows.count(), 3);
    assert.match(plain(await rows.first().textContent()), /As polled.*276.*1\.17 TiB.*1\.7\d B.*400 days.*95 %/s);
    const { state } = mock.control;
    for (const name of ["retention", "backups", "series", "overview"]) {
      const before = state.requests.length;
      await page.getByTestId(`section-${name}`).click();
      await page.waitForTimeout(250);
      const made = state.requests.slice(before);
      assert.ok(made.length <= SECTION_REQUESTS_MAX, `${name}: ${made.join(", ")}`);
    }
    await page.getByTestId("section-backups").click();
    assert.match(page.url(), /tab=backups/);
    await page.goBack();
    await said.waitFor();
    await page.getByTestId("section-overview").focus();
    await page.keyboard.press("ArrowRight");
    await page.getByTestId("policy-row").first().waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.id), "storage-retention");
  },

  async "storage: a policy is tried, then saved; a fault is pointed at"({ page, mock }) {
    const { kept } = mock.control;
    await page.goto(`${mock.url}/storage?tab=retention`);
    await page.getByTestId("new-policy").click();
    assert.match(page.url(), /policy=new/);
    const form = page.getByTestId("policy-form");
    await form.locator('[name="name"]').fill("round trips of the lab");
    await form.locator('[name="metrics"]').fill("icmp_.*\nif[");
    await form.locator('[name="keep_days"]').fill("30");
    assert.ok(await page.getByTestId("save-policy").isDisabled(), "it is looked at first");
    await page.getByTestId("look-policy").click();
    await form.getByText("the expression cannot be read").waitFor();
    await form.locator('[name="metrics"]').fill("icmp_.*");
    await page.getByTestId("look-policy").click();
    await form.getByTestId("preview-row").first().waitFor();
    const save = page.getByTestId("save-policy");
    assert.match(plain(await save.textContent()), /^Save; 2\.79 GiB go at the next pass$/);
    await form.locator('[name="keep_days"]').fill("90");
    assert.ok(await save.isDisabled(), "what was looked at was another form");
    await page.getByTestId("look-policy").click();
    await until("the new amount", async () => /2\.09 GiB/.test(plain(await save.textContent())));
    await save.click();
    await form.waitFor({ state: "detached" });
    const row = page.getByTestId("policy-row").first();
    await row.getByText("round trips of the lab").waitFor();
    assert.match(plain(await row.textContent()), /icmp_\.\*.*90 days/s);
    assert.equal(kept.policies.length, 4);
    await page.getByTestId("delete-policy").click();
    await page.getByText("Afterwards: Nothing goes.").waitFor();
    await page.getByTestId("confirm").click();
    await until("it is gone", async () => (await page.getByTestId("policy-row").count()) === 3);
  },

  async "storage: days of a built-in policy, changed by two, and set back"({ page, mock }) {
    const { kept } = mock.control;
    await page.goto(`${mock.url}/storage?tab=retention`);
    const row = page.getByTestId("policy-row").first();
    await row.getByTestId("change-policy").click();
    const form = page.getByTestId("policy-form");
    await form.locator('[name="keep_days"]').fill("200");
    await page.getByTestId("look-policy").click();
    await form.getByTestId("preview-row").first().waitFor();
    kept.policies[0].revision = 7;
    await page.getByTestId("save-policy").click();
    await form.getByText("Someone changed this policy in the meantime").waitFor();
    await page.getByRole("button", { name: "Cancel" }).click();
    await until("it is read again", async () => /changed/.test(await row.textContent()));
    await row.getByTestId("change-policy").click();
    await form.locator('[name="keep_days"]').fill("200");
    await page.keyboard.press("Enter");
    await form.getByTestId("preview-headline").waitFor();
    await page.getByTestId("save-policy").click();
    await until("its days", async () => /200.days/.test(await row.textContent()));
    assert.equal(await page.evaluate(() => document.activeElement.dataset.testid), "change-policy", "the focus is back");
    await row.getByTestId("reset-policy").click();
    await page.getByTestId("confirm").click();
    await until("as built in", async () => /400.days/.test(await row.textContent()));
    assert.equal(kept.policies[0].revision, 0);
  },

  async "storage: a hold, its selector looked at while it is typed, changed and released"({ page, mock }) {
    const { kept } = mock.control;
    await page.goto(`${mock.url}/storage?tab=retention`);
    await page.getByTestId("new-hold").click();
    const form = page.getByTestId("hold-form");
    const selector = form.getByTestId("selector");
    await selector.fill("ifHCInOctets{site=lyon}");
    await form.getByText("at character 19: a value in double quotes is expected").waitFor();
    await selector.fill('ifHCInOctets{site="lyon"}');
    await until("what it means", async () => /^Means ifHCInOctets/.test(await form.getByTestId("selector-means").textContent()));
    await form.locator('[name="from"]').fill("2026-03-31");
    await form.locator('[name="to"]').fill("2026-01-01");
    await form.locator('[name="reason"]').fill("case 2026-17");
    await page.getByTestId("save-hold").click();
    await form.getByText("it is not behind `from`").waitFor();
    await form.locator('[name="from"]').fill("2026-01-01");
    await form.locator('[name="to"]').fill("2026-03-31");
    await page.getByTestId("save-hold").click();
    const row = page.getByTestId("hold-row");
    await row.getByText("1 Jan 2026 to 31 Mar 2026").waitFor();
    assert.equal(kept.holds[0].to, "2026-04-01T00:00:00.000Z");
    await row.getByTestId("change-hold").click();
    await form.locator('[name="to"]').fill("");
    await page.getByTestId("save-hold").click();
    await row.getByText("from 1 Jan 2026 on").waitFor();
    assert.equal(kept.holds[0].from, "2026-01-01T00:00:00.000Z");
    await row.getByTestId("release-hold").click();
    await page.getByText(/are kept by this hold alone: they go/).waitFor();
    await page.getByTestId("confirm").click();
    await page.getByText("None. A hold keeps").waitFor();
  },

  async "storage: a backup is followed to its end, one that fails is told everywhere"({ page, mock }) {
    const { kept } = mock.control;
    await page.goto(`${mock.url}/storage?tab=backups`);
    const rows = page.getByTestId("backup-row");
    await rows.first().waitFor();
    const before = await rows.count();
    await page.getByTestId("backup-now").click();
    await page.getByTestId("backup-work").waitFor();
    assert.ok(await page.getByTestId("backup-now").isDisabled());
    await page.reload();
    await page.getByTestId("backup-work").waitFor();
    await until("it is done", async () => (await rows.count()) === before + 1 && (await rows.first().getAttribute("data-phase")) === "done");
    await page.getByTestId("left-out").getByText("secret.key").waitFor();
    assert.match(await page.getByTestId("command").textContent(), new RegExp(`--backup ${kept.backups[0].id} --into`));
    kept.backupFails = "The disk is full.";
    await page.getByTestId("backup-now").click();
    await page.getByTestId("trouble").getByText("The last backup failed: The disk is full.").waitFor();
    await rows.first().getByText("The disk is full.").waitFor();
    for (const name of ["overview", "retention", "series"]) {
      await page.getByTestId(`section-${name}`).click();
      await page.getByTestId("trouble").first().waitFor();
    }
    await page.getByTestId("trouble").getByRole("link", { name: "Look" }).click();
    await rows.first().waitFor();
    await page.goto(mock.url);
    await page.locator('[data-testid="system-notice"][data-code="backup_failed"]').waitFor();
    Object.assign(kept, { backupFails: null, notices: [] });
  },

  async "storage: series, and a device that asked for more than it may have"({ page, mock }) {
    const { kept, net } = mock.control;
    kept.over = net.devices[4];
    await page.goto(`${mock.url}/storage?tab=series`);
    const first = page.getByTestId("series-device").first();
    await first.waitFor();
    assert.match(plain(await first.textContent()), new RegExp(`${kept.over.name}.*16,384.*100 %.*at least 2,616`, "s"));
    await page.getByTestId("trouble").getByText(`${kept.over.name} asked for more series than the 16,384`).waitFor();
    await page.getByRole("button", { name: "Show all" }).click();
    await page.getByTestId("metric-row").getByText("unknown here").waitFor();
    await first.getByRole("link").click();
    await page.getByTestId("device-name").waitFor();
    kept.over = null;
  },

  async "storage: who may only look is offered nothing else"({ page, mock }) {
    const { kept } = mock.control;
    kept.viewer = true;
    try {
      for (const [name, row] of [["retention", "policy-row"], ["backups", "backup-row"], ["series", "series-device"]]) {
        await page.goto(`${mock.url}/storage?tab=${name}&policy=new&hold=new`);
        await page.getByTestId(row).first().waitFor();
        for (const button of ["new-policy", "change-policy", "new-hold", "backup-now"]) assert.equal(await page.getByTestId(button).count(), 0, button);
        assert.equal(await page.getByRole("dialog").count(), 0);
      }
    } finally {
      kept.viewer = false;
    }
  },

  async "storage fits a phone, in both themes"({ mock, browser, password }) {
    for (const theme of ["light", "dark"]) {
      const phone = await open(browser, { width: 390, height: 844, phone: true, theme });
      await signIn(phone.page, mock.url, password);
      for (const path of ["", "?tab=retention", "?tab=retention&policy=new", "?tab=retention&hold=new", "?tab=backups", "?tab=series"]) {
        await phone.page.goto(`${mock.url}/storage${path}`);
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
