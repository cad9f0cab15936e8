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
    assert.equal(await rows.count(), 4);
    await page.getByText("Archive (60 days)").waitFor();
    assert.match(plain(await rows.first().textContent()), /As polled.*276.*1\.17 TiB.*1\.7\d B.*400 days.*79 %/s);
    const { state } = mock.control;
    for (const name of ["retention", "archive", "backups", "series", "work", "overview"]) {
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
    await page.getByTestId("look-next").click();
    await row.getByText(/it alone keeps 12.MiB/).waitFor();
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
    // So many that the stand-in does not have them.
    const items = Array.from({ length: 9000 }, (_, n) => ({ id: `0190dddd-0000-7000-8000-${String(n).padStart(12, "0")}`, metric: "processor_utilization", unit: "ratio", kind: "gauge", labels: { device_id: kept.over.id, vantage: "local", processor: `CPU ${n}` } }));
    await page.route("**/api/v1/series?*device_id=*", (route) => route.fulfill({ json: { items, next_cursor: null } }));
    await first.getByRole("link").click();
    await page.getByTestId("series-refused").getByText("At least 2,616 series are not measured: the device has the most that are kept (16,384).").waitFor();
    kept.over = null;
  },

  async "storage: metrics of one's own are made, changed and deleted"({ page, mock }) {
    const { kept } = mock.control;
    await page.goto(`${mock.url}/storage?tab=series`);
    await page.getByTestId("new-metric").click();
    const form = page.getByTestId("metric-form");
    await form.locator('[name="metric-name"]').fill("2wrong");
    await form.locator('[name="unit"]').fill("messages");
    await page.getByTestId("save-metric").click();
    await form.getByText("a letter or _, then letters").first().waitFor();
    await form.locator('[name="metric-name"]').fill("queue_depth");
    await page.getByTestId("save-metric").click();
    const row = page.getByTestId("own-metric-row");
    await row.getByText("queue_depth").waitFor();
    await row.getByTestId("change-metric").click();
    await form.locator('[name="help"]').fill("Messages that wait");
    await page.getByTestId("save-metric").click();
    await row.getByText("Messages that wait").waitFor();
    kept.own[0].series = 3;
    await row.getByTestId("delete-metric").click();
    await page.getByTestId("confirm").click();
    await page.getByRole("dialog").getByText("3 series have it.").waitFor();
    kept.own[0].series = 0;
    await page.getByTestId("confirm").click();
    await page.getByText("None. Make one").waitFor();
  },

  async "storage: days are restored from the calendar by keyboard alone"({ page, mock }) {
    const { kept } = mock.control;
    await page.goto(`${mock.url}/storage?tab=archive`);
    const said = page.getByTestId("chosen-days");
    await until("the newest day is chosen", async () => /1 archived day/.test(plain(await said.textContent())));
    assert.equal(await page.locator('[data-testid="day-cell"][data-state="damaged"]').textContent(), "!");
    assert.match(await page.locator('[data-testid="day-cell"][data-state="archived"]').first().getAttribute("title"), /archived alone/);
    await page.getByTestId("calendar").focus();
    for (let i = 0; i < 5; i += 1) await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Shift+ArrowRight");
    await page.keyboard.press("Shift+ArrowRight");
    await until("three days", async () => /3 archived days, 12\.6 GiB/.test(plain(await said.textContent())));
    await page.keyboard.press("Enter");
    const form = page.getByTestId("restore-form");
    await form.waitFor();
    assert.match(page.url(), /restore=\d{4}-\d\d-\d\d\.\.\d{4}-\d\d-\d\d/);
    assert.match(plain(await page.getByTestId("restore-size").textContent()), /3 archived days, 12\.6 GiB/);
    await page.keyboard.press("Enter");
    await form.waitFor({ state: "detached" });
    const job = page.locator('[data-testid="job-row"][data-kind="restore"]');
    await job.waitFor();
    await until("it is done in place", async () => (await job.getAttribute("data-state")) === "done");
    assert.match(plain(await job.getByTestId("job-result").textContent()), /^3 days: 3,000 samples of 41,000 series are here again$/);
    await until("the days say so", async () => (await page.locator('[data-testid="day-cell"][data-state="restored"]').count()) === 3);
    assert.equal(kept.archive.days.filter((day) => day.restored_until).length, 3);
    await page.getByTestId("archive-now").click();
    await until("no day waits", async () => /No day waits/.test(await page.getByTestId("archive-facts").textContent()));
  },

  async "storage: an export is followed and fetched"({ page, mock }) {
    await page.goto(`${mock.url}/storage?tab=work`);
    await page.getByTestId("new-export").click();
    const form = page.getByTestId("export-form");
    await form.getByTestId("selector").fill("ifHCInOctets{");
    await page.getByTestId("start-export").click();
    await form.getByText("a brace is expected").first().waitFor();
    await form.getByTestId("selector").fill("ifHCInOctets");
    await page.getByTestId("start-export").click();
    const job = page.locator('[data-testid="job-row"][data-kind="export"]').first();
    await job.waitFor();
    await page.reload();
    await until("it went on without the page", async () => (await job.getAttribute("data-state")) === "done");
    assert.match(plain(await job.getByTestId("job-result").textContent()), /3,400 samples of 12 series, 88 KiB/);
    const [file] = await Promise.all([page.waitForEvent("download"), job.getByTestId("download").click()]);
    assert.match(file.suggestedFilename(), /^foretell-.*\.csv$/);
  },

  async "storage: an import is looked at, then written, in pieces of which one fails"({ page, mock }) {
    const { kept, state } = mock.control;
    await page.goto(`${mock.url}/storage?tab=work&do=import`);
    const form = page.getByTestId("import-form");
    const lines = ["time,value,metric", "1,2,bad", ...Array.from({ length: 700_000 }, (_, n) => `${n},1,sysUpTime`)];
    const buffer = Buffer.from(`${lines.join("\n")}\n`);
    assert.ok(buffer.length > 8 * 2 ** 20 && buffer.length < 16 * 2 ** 20);
    await page.getByTestId("import-file").setInputFiles({ name: "old.csv", mimeType: "text/csv", buffer });
    await page.getByTestId("import-said").getByText("By its ending it is CSV.").waitFor();
    kept.failPieces = 1;
    await page.getByTestId("start-import").click();
    await page.getByTestId("import-sent").waitFor();
    const job = form.getByTestId("job-row");
    await until("it was looked at", async () => (await job.count()) === 1 && (await job.getAttribute("data-state")) === "done", 30_000);
    assert.match(plain(await job.getByTestId("job-result").textContent()), /^Dry run: 700,001 rows: 700,000 would be written, 1 refused; 2 series, 1 of them new$/);
    await job.locator("summary").click();
    await job.getByTestId("refused-row").getByText("there is no metric `bad`").waitFor();
    assert.equal(state.requests.filter((one) => /^PUT .imports/.test(one)).length, 2, "the second piece, twice");
    const written = () => kept.audit.filter((entry) => entry.action === "import_samples").length;
    assert.equal(written(), 0, "nothing was written");
    assert.equal(await page.getByTestId("start-import").textContent(), "Import");
    await page.getByTestId("start-import").click();
    await until("it was written", async () => (await job.count()) === 1 && /^700,001 rows: 700,000 new/.test(plain((await job.getByTestId("job-result").textContent().catch(() => "")) ?? "")), 30_000);
    await page.getByTestId("dialog-close").click();
    assert.equal(written(), 1);
  },

  async "storage: a delete is counted, typed again, and stands in the audit"({ page, mock }) {
    const { kept } = mock.control;
    await page.goto(`${mock.url}/storage?tab=work`);
    await page.getByTestId("new-delete").click();
    const form = page.getByTestId("delete-form");
    const selector = 'ifHCInOctets{site="lyon"}';
    await form.getByTestId("selector").fill(selector);
    await form.locator('[name="from"]').fill("2026-01-01T00:00");
    await form.locator('[name="to"]').fill("2025-01-01T00:00");
    await form.locator('[name="reason"]').fill("a counter that went wrong");
    await page.getByTestId("look-delete").click();
    await form.getByText("It does not follow the beginning.").waitFor();
    await form.locator('[name="to"]').fill("2026-01-02T00:00");
    const start = page.getByTestId("start-delete");
    assert.ok(await start.isDisabled());
    await page.getByTestId("look-delete").click();
    await page.getByTestId("delete-counts").getByText("40,000 samples of 80 series on 40 devices would be gone").waitFor();
    assert.ok(await start.isDisabled(), "it is typed again first");
    await page.getByTestId("selector-again").fill(selector);
    await start.click();
    const job = page.locator('[data-testid="job-row"][data-kind="delete"]').first();
    await until("it is done", async () => (await job.count()) === 1 && (await job.getAttribute("data-state")) === "done");
    const row = page.getByTestId("audit-row").filter({ hasText: "Samples deleted" });
    await row.getByText("a counter that went wrong").waitFor();
    assert.match(plain(await row.textContent()), /40 devices, 80 series, 40,000 samples/);
    await page.getByTestId("audit-action").selectOption("hold");
    await page.getByText("No entry of that kind.").waitFor();
    assert.match(page.url(), /action=hold/);
    await page.goBack();
    await row.getByRole("button").click();
    await page.getByTestId("audit-all").waitFor();
    kept.deleteDevices = 2;
    kept.jobMs = 60_000;
    await page.getByTestId("new-delete").click();
    await form.getByTestId("selector").fill(selector);
    await form.locator('[name="from"]').fill("2026-01-01T00:00");
    await form.locator('[name="to"]').fill("2026-01-02T00:00");
    await form.locator('[name="reason"]').fill("again");
    await page.getByTestId("look-delete").click();
    await until("few devices need no more", () => start.isEnabled());
    await start.click();
    await until("it is at work", async () => (await job.getAttribute("data-state")) === "running");
    await job.locator("progress").waitFor();
    await job.getByTestId("cancel-job").click();
    await until("it is cancelled", async () => (await job.getAttribute("data-state")) === "cancelled");
    Object.assign(kept, { deleteDevices: 40, jobMs: 1500 });
  },

  async "storage: what a server does not have is left out"({ page, mock }) {
    const { kept } = mock.control;
    for (const route of ["archive", "jobs", "metric-types"]) kept.gone.add(route);
    try {
      await page.goto(`${mock.url}/storage?tab=work`);
      await page.getByTestId("storage-sentence").waitFor();
      await until("no tab for it", async () => (await page.getByRole("tab").count()) === 4);
      await page.getByTestId("section-series").click();
      await page.getByTestId("metric-row").first().waitFor();
      assert.equal(await page.getByTestId("own-metrics").count(), 0);
      kept.gone.clear();
      const { archive } = kept;
      kept.archive = null;
      await page.reload();
      await until("the settings name no archive", async () => (await page.getByRole("tab").count()) === 5);
      kept.archive = archive;
    } finally {
      kept.gone.clear();
    }
  },

  async "storage: who may only look is offered nothing else"({ page, mock }) {
    const { kept } = mock.control;
    kept.viewer = true;
    try {
      for (const [name, row] of [["retention", "policy-row"], ["backups", "backup-row"], ["series", "series-device"], ["work", "job-row"]]) {
        await page.goto(`${mock.url}/storage?tab=${name}&policy=new&hold=new&do=delete`);
        await page.getByTestId(row).first().waitFor();
        for (const button of ["new-policy", "change-policy", "new-hold", "backup-now", "new-export", "new-import", "new-delete", "new-metric", "cancel-job", "download", "section-archive", "audit"]) assert.equal(await page.getByTestId(button).count(), 0, button);
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
      for (const path of ["", "?tab=retention", "?tab=retention&policy=new", "?tab=retention&hold=new", "?tab=backups", "?tab=series", "?tab=archive", "?tab=archive&restore=2026-01-01..2026-01-02", "?tab=work", "?tab=work&do=export", "?tab=work&do=import", "?tab=work&do=delete"]) {
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
