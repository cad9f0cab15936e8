// A walk through the page of storage against a real server; part of `real.mjs` and `demo.mjs`.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { until } from "./browser.mjs";

/** A backup of a small data folder, and an export of one series. */
const WORK_MS = 120_000;

/** What the page says that was refused or failed; empty where nothing was. */
const problemOf = async (page) => {
  const problem = page.getByTestId("problem").first();
  return (await problem.count()) > 0 ? problem.textContent() : "";
};

/** Fails at once, with what the page says, where it says that something was refused or failed. */
async function mustGoOn(said, row, state) {
  assert.equal(said, "", "the page tells of a problem");
  if ((await row.count()) > 0 && (await row.getAttribute(state)) === "failed") assert.fail(`it failed: ${await row.textContent()}`);
}

/** Levels, a dry run, a backup and an export of one series; what it saw. */
export async function walkStorage(page, url, shot) {
  const seen = {};
  await page.goto(`${url}/storage`);
  seen.sentence = await until("what is kept is said", async () => (await page.getByTestId("storage-sentence").textContent().catch(() => null)) || false);
  seen.levels = await page.getByTestId("level-row").count();
  await shot("storage");

  await page.goto(`${url}/storage?tab=retention`);
  await until("the built-in policies", async () => (await page.locator('[data-testid="policy-row"][data-built-in="true"]').count()) === 3);
  await page.getByTestId("change-policy").first().click();
  const form = page.getByTestId("policy-form");
  await form.locator('[name="keep_days"]').fill("1");
  await page.getByTestId("look-policy").click();
  seen.wouldGo = await form.getByTestId("preview-headline").textContent();
  await shot("policy");
  await page.keyboard.press("Escape");
  await form.waitFor({ state: "detached" });
  assert.equal(await page.getByTestId("trouble").count(), 0, "nothing is wrong");
  await page.getByTestId("new-hold").click();
  await page.getByTestId("selector").fill("sysUpTime{site=lyon}");
  await page.getByTestId("selector-wrong").waitFor();
  await page.getByTestId("selector").fill("sysUpTime");
  await until("what the selector means", async () => (await page.getByTestId("selector-means").getAttribute("data-state").catch(() => "")) === "means");
  await page.keyboard.press("Escape");

  await page.goto(`${url}/storage?tab=series`);
  await until("metrics are counted", async () => (await page.getByTestId("metric-row").count()) > 0);
  await shot("series");

  await page.goto(`${url}/storage?tab=backups`);
  await page.getByTestId("backup-now").click();
  const row = page.getByTestId("backup-row").first();
  const backedUp = async () => {
    const said = await problemOf(page);
    if (said.startsWith("The settings name no folder for backups")) return "no folder";
    await mustGoOn(said, row, "data-phase");
    return (await row.count()) > 0 && (await row.getAttribute("data-phase")) === "done" && "done";
  };
  seen.backup = await until("a backup is done, or there is no folder for it", backedUp, WORK_MS);
  await shot("backups");

  seen.export = "not here";
  if ((await page.getByTestId("section-work").count()) > 0) {
    await page.getByTestId("section-work").click();
    await page.getByTestId("new-export").click();
    await page.getByTestId("selector").fill("sysUpTime");
    await page.getByTestId("start-export").click();
    const job = page.locator('[data-testid="job-row"][data-kind="export"]').first();
    const exported = async () => {
      await mustGoOn(await problemOf(page), job, "data-state");
      return (await job.count()) > 0 && (await job.getAttribute("data-state")) === "done";
    };
    await until("the export is done", exported, WORK_MS);
    const [file] = await Promise.all([page.waitForEvent("download"), job.getByTestId("download").click()]);
    seen.export = (await readFile(await file.path(), "utf8")).split("\n").filter(Boolean).length;
    assert.ok(seen.export > 1, "the file has a header and lines");
    await shot("work");
  }
  return seen;
}
