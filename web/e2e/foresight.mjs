// What is expected, and what was not, in a real browser against the stand-in server. Run by `mock.mjs`.

import assert from "node:assert/strict";
import { until } from "./browser.mjs";

export const foresightTests = {
  async "foresight: what will break, by when, and what is out of the ordinary; new ones come by themselves"({ page, mock }) {
    await until("the overview tells it", async () => (await page.getByTestId("coming").getByTestId("capacity-warning").count()) === 1);
    await page.goto(`${mock.url}/foresight`);
    const warning = page.getByTestId("will-break").getByTestId("capacity-warning");
    await warning.waitFor();
    assert.match(await warning.textContent(), /in 4[01].d/);
    const { ahead } = mock.control;
    const rows = page.getByTestId("anomaly-row");
    await until("one is open", async () => (await rows.count()) === 1);
    const more = ahead.anomaly("0190-a2", "level", { group: { id: "0190-a2", scope: "device" } });
    ahead.state.anomalies.unshift(more, ahead.anomaly("0190-a3", "variance", { group: { id: "0190-a2", scope: "device" } }));
    mock.control.tell("anomalies", "anomaly_started", more);
    await until("two more, as one", async () => (await rows.count()) === 2);
    assert.match(await rows.first().textContent(), /2 series of/);
    ahead.state.anomalies.splice(0, 2);
    mock.control.tell("anomalies", "anomaly_ended", more);
    await until("they are over", async () => (await rows.count()) === 1);
    await rows.first().click();
    await until("its device", () => page.url().includes(`/devices/${ahead.device.id}`));
  },

  async "foresight: a chart runs on ahead with its accuracy, and an anomaly is judged"({ page, mock }) {
    const { ahead } = mock.control;
    await page.goto(`${mock.url}/devices/${ahead.device.id}?if=${ahead.row.id}&range=6h`);
    const chart = page.getByTestId("chart-traffic");
    await until("its accuracy is told", async () => /94\.7.% of 1,200 hours within the 95 % band/.test((await chart.textContent()) ?? ""));
    const pattern = chart.getByTestId("pattern");
    await pattern.locator("summary").click();
    await until("its kind and why", async () => /Office hours.*fits 92.*hours of the hump/s.test((await pattern.textContent()) ?? ""));
    assert.match(await pattern.getByTestId("pattern-busy").textContent(), /Mon to Fri 8 to 18/);
    assert.match(await pattern.getByTestId("pattern-similar").textContent(), /edge2.*0\.97, 3 h behind/s);
    await page.getByTestId("ahead").selectOption("none");
    await until("the past only", async () => (await chart.getByTestId("forecast-words").count()) === 0);
    assert.match(page.url(), /ahead=none/);
    await chart.getByTestId("anomaly-mark").first().click();
    const dialog = page.getByTestId("anomaly");
    await dialog.waitFor();
    assert.match(await dialog.textContent(), /64 to 104 Mbit\/s were expected/);
    await page.getByTestId("verdict-noise").click();
    await until("what it does", async () => /0\.63/.test((await page.getByTestId("verdict-effect").textContent()) ?? ""));
    await page.getByTestId("set-bounds").click();
    await page.getByTestId("ceiling").fill("2e7");
    await page.getByRole("button", { name: "Save" }).click();
    await until("it is saved", () => mock.control.ahead.state.limits.size === 1);
    await page.getByTestId("dialog-close").click();
    await until("it is closed", async () => (await dialog.count()) === 0);
  },

  async "foresight: how links are better used, in the list and on the map"({ page, mock }) {
    const { ahead } = mock.control;
    await page.goto(`${mock.url}/foresight?view=balance`);
    const list = page.getByTestId("balance-list");
    await list.waitFor();
    assert.match(await list.textContent(), /65.% → 26.%.*39.points/s);
    await page.getByTestId("balance-details").click();
    const advice = page.getByTestId("balance-advice");
    await advice.waitFor();
    assert.equal(await advice.getByTestId("balance-direction").count(), 2);
    assert.match(await advice.textContent(), /weight 4/);
    assert.match(await advice.textContent(), /it is balanced/);
    await page.getByTestId("dialog-close").click();
    await list.getByRole("link").first().click();
    await until("the map", () => page.url().includes(`/map?link=${ahead.twins[0].id}`));
    await page.getByTestId("link-balance").waitFor();
    assert.match(await page.getByTestId("map-says").textContent(), /better split otherwise/);
    const canvas = page.locator("canvas[data-advised]").first();
    await until("both lines are marked", async () => (await canvas.getAttribute("data-advised")) === "2");
  },

  async "foresight: capacity with what if, and how good it was"({ page, mock }) {
    await page.goto(`${mock.url}/foresight?view=capacity`);
    await page.getByTestId("capacity-list").waitFor();
    await page.getByTestId("what-if").first().click();
    await until("the answer", async () => (await page.getByTestId("what-if-answer").locator("tbody tr").count()) === 2);
    assert.match(await page.getByTestId("what-if-answer").textContent(), /now/);
    await page.getByTestId("dialog-close").click();
    await page.getByTestId("foresight-accuracy").click();
    await until("measured", async () => /0\.83/.test((await page.getByTestId("model-accuracy").textContent()) ?? ""));
    assert.match(await page.getByTestId("alarm-precision").textContent(), /75/);
    assert.match(await page.getByTestId("forecast-plan").textContent(), /11 of 12 series/);
  },

  async "foresight: scaling triggers, how KEDA reads one, and a new one"({ page, mock }) {
    await page.goto(`${mock.url}/foresight?view=scaling`);
    const rows = page.getByTestId("trigger");
    await until("one is raised", async () => /raised/.test((await rows.first().textContent()) ?? ""));
    assert.match(await rows.first().textContent(), /12 of 14 came true, 1 missed/);
    await page.getByTestId("try-webhook").click();
    await until("it was taken", async () => /taken with status 204/.test((await page.getByTestId("webhook-tried").textContent()) ?? ""));
    await page.getByTestId("show-keda").click();
    await until("what KEDA needs", async () => /valueLocation: "forecast_max"/.test((await page.getByTestId("keda").textContent()) ?? ""));
    await page.getByTestId("dialog-close").click();
    await page.getByTestId("new-trigger").click();
    const form = page.getByTestId("trigger-form");
    await form.locator("[name=name]").fill("another");
    await until("series to choose", async () => (await form.locator("[name=series_id] option").count()) === 2);
    await form.locator("[name=series_id]").selectOption({ index: 1 });
    await page.getByTestId("save-trigger").click();
    await until("two", async () => (await rows.count()) === 2);
    await page.getByTestId("edit-trigger").first().click();
    await form.locator("[name=name]").fill("renamed");
    await page.getByTestId("save-trigger").click();
    await until("another name", async () => /renamed/.test((await rows.first().textContent()) ?? ""));
    await page.getByTestId("enable-trigger").first().click();
    await until("it is not enabled", async () => /not enabled/.test((await rows.first().textContent()) ?? ""));
    await page.getByTestId("delete-trigger").first().click();
    await page.getByTestId("confirm").click();
    await until("one again", async () => (await rows.count()) === 1);
  },
};
