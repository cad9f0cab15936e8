// The map in a real browser, against the stand-in server. Run by `mock.mjs`.

import assert from "node:assert/strict";
import { open, signIn, until } from "./browser.mjs";
import { startMock } from "./mock/server.mjs";

const canvas = (page) => page.locator('[data-testid="map"] canvas');
const drawn = async (page) => Number((await canvas(page).getAttribute("data-nodes")) ?? 0);
const places = (page, space = "flat") => page.evaluate((name) => JSON.parse(localStorage.getItem("foretell.map") ?? "{}").spaces?.[name] ?? {}, space);
const settled = async (page, nodes) => {
  await until(`${nodes} nodes are drawn`, async () => (await drawn(page)) === nodes);
  await until("the layout is done", async () => (await page.getByTestId("map-panel").getAttribute("data-busy")) === "false");
};
/** Where the chosen node stands, in the browser's window. */
async function chosenAt(page) {
  const box = await canvas(page).boundingBox();
  const at = await until("the chosen node is drawn", () => canvas(page).getAttribute("data-chosen-at"));
  const [x, y] = at.split(",").map(Number);
  return { x: box.x + x, y: box.y + y };
}

export const mapTests = {
  async "map: what is chosen is in the address, and leads to device and port"({ page, mock, password }) {
    const { net } = mock.control;
    const [first] = net.devices;
    await page.getByRole("link", { name: "Map", exact: true }).click();
    await settled(page, net.devices.length);
    for (const text of ["not known", "link is down", "90 % and more", "Degraded"]) await page.getByTestId("map-legend").getByText(text).waitFor();
    await page.getByTestId("map-search").fill(first.name);
    await page.keyboard.press("Enter");
    await page.getByTestId("node-panel").waitFor();
    assert.ok(page.url().includes(`node=${first.id}`), page.url());
    await page.getByTestId("node-panel").getByRole("button").first().click();
    const panel = page.getByTestId("link-panel");
    await panel.waitFor();
    assert.match(page.url(), /link=/);
    await panel.getByTestId("link-evidence").first().waitFor();
    assert.match(await panel.textContent(), /LLDP/);
    const address = page.url();
    await page.goBack();
    await page.getByTestId("node-panel").waitFor();
    await page.goto(address);
    await panel.getByText("charts").first().click();
    await page.getByTestId("all-interfaces").waitFor();
    assert.match(page.url(), /devices\/.*if=/);
    assert.ok(password);
  },

  async "map: drawn the same for everybody; what is moved stays; who comes moves nobody"({ page, mock, browser, password }) {
    const { net, tell } = mock.control;
    const [first, second] = net.devices;
    await page.goto(`${mock.url}/map?node=${first.id}`);
    await settled(page, net.devices.length);
    const before = await until("the places are kept", async () => Object.keys(await places(page)).length === net.devices.length && (await places(page)));
    const other = await open(browser);
    await signIn(other.page, mock.url, password);
    await other.page.goto(`${mock.url}/map`);
    await settled(other.page, net.devices.length);
    await until("its places are kept", async () => Object.keys(await places(other.page)).length === net.devices.length);
    assert.deepEqual(await places(other.page), before, "another browser draws the same");
    await other.close();

    const from = await chosenAt(page);
    await page.mouse.move(from.x, from.y);
    await page.mouse.down();
    await page.mouse.move(from.x + 90, from.y - 60, { steps: 5 });
    await page.mouse.up();
    const moved = await until("the move is kept", async () => (await places(page))[first.id]?.[2] === "m" && (await places(page)));
    assert.deepEqual(moved[second.id], before[second.id]);

    const guest = { ...second, id: "01900000-0000-7000-8000-0000000000aa", name: "guest" };
    net.devices.push(guest);
    net.links.push({ ...net.links[1], id: "01900000-0000-7000-8000-0000000000ab", a: { device_id: second.id, interface_id: null }, b: { device_id: guest.id, interface_id: null } });
    try {
      tell("devices", "device_changed", { device_id: guest.id });
      await settled(page, net.devices.length);
      const after = await until("the guest has a place", async () => (await places(page))[guest.id] && (await places(page)));
      const { [guest.id]: own, ...rest } = after;
      assert.equal(own[2], "l");
      assert.deepEqual(rest, moved, "nobody else moved");
    } finally {
      net.devices.pop();
      net.links.pop();
    }
    await page.reload();
    await settled(page, net.devices.length);
    assert.deepEqual((await places(page))[first.id], moved[first.id], "still there");
    await page.getByTestId("arrange").click();
    await page.getByTestId("confirm").click();
    await until("all are placed by the map again", async () => (await places(page))[first.id]?.[2] === "l");
  },

  async "map: loads and states change in place"({ page, mock }) {
    const { control } = mock;
    const device = control.net.devices[20];
    await page.goto(`${mock.url}/map?list=links`);
    await settled(page, control.net.devices.length);
    await page.evaluate(() => {
      window.samples = 0;
      window.addEventListener("foretell:sample", () => (window.samples += 1));
      window.kept = document.querySelectorAll('[data-testid="list-load"]')[3];
      window.text = window.kept.textContent;
    });
    await until("a load changes in the same cell", () => page.evaluate(() => window.kept.isConnected && window.kept.textContent !== window.text && window.samples > 0));
    await page.goto(`${mock.url}/map?q=${device.name}`);
    const row = page.getByRole("row", { name: new RegExp(device.name) });
    await row.getByText("Up", { exact: true }).waitFor({ state: "attached" });
    control.setStatus(device, "down");
    await row.getByText("Down", { exact: true }).waitFor({ state: "attached" });
    control.setStatus(device, "up");
    await row.getByText("Up", { exact: true }).waitFor({ state: "attached" });
  },

  async "map: by keyboard alone"({ page, mock }) {
    await page.goto(`${mock.url}/map`);
    await settled(page, mock.control.net.devices.length);
    await page.getByTestId("map").focus();
    assert.notEqual(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), "none", "the focus shows");
    await page.keyboard.press("ArrowRight");
    const says = page.getByTestId("map-says");
    const one = await until("a node is said", () => says.textContent());
    for (const key of ["ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown"]) await page.keyboard.press(key);
    await until("another node is said", async () => (await says.textContent()) !== one);
    const scale = () => new URL(page.url()).searchParams.get("view")?.split(",")[2];
    await page.keyboard.press("+");
    const near = await until("the view is in the address", scale);
    await page.keyboard.press("-");
    await page.keyboard.press("-");
    await until("further away", async () => Number(scale()) < Number(near));
    await page.keyboard.press("Shift+ArrowLeft");
    await page.keyboard.press("0");
    await until("all of it", () => scale() === undefined);
    await page.keyboard.press("Escape");
    await until("nothing is chosen", () => !/node=/.test(page.url()));
    await page.keyboard.press("ArrowDown");
    await until("chosen again", () => /node=/.test(page.url()));
    await page.keyboard.press("Enter");
    await page.getByTestId("device-name").waitFor();
  },

  async "map: folds by site, opens a site, and back"({ page, mock }) {
    const { net } = mock.control;
    const sites = new Set(net.devices.map((device) => device.site)).size;
    await page.goto(`${mock.url}/map`);
    await settled(page, net.devices.length);
    await page.getByTestId("fold").check();
    await settled(page, sites);
    await page.goto(`${mock.url}/map?fold=site&node=site:Amsterdam`);
    await settled(page, sites);
    const members = net.devices.filter((device) => device.site === "Amsterdam").length;
    await page.getByTestId("node-panel").getByText("Worst:").waitFor();
    await page.getByTestId("fold-site").click();
    await until("the site is open", () => /open=Amsterdam/.test(page.url()));
    await page.getByTestId("map-fit").click();
    await settled(page, sites - 1 + members);
    await page.getByTestId("fold-site").click();
    await page.getByTestId("map-fit").click();
    await settled(page, sites);
  },

  async "map: mouse, wheel, and a picture that fits a phone in both themes"({ page, mock, browser, password }) {
    const { net } = mock.control;
    await page.goto(`${mock.url}/map?node=${net.devices[1].id}`);
    await settled(page, net.devices.length);
    const at = await chosenAt(page);
    await page.getByTestId("let-go").click();
    await until("let go", () => !/node=/.test(page.url()));
    await page.mouse.click(at.x, at.y);
    await until("a click chooses", () => page.url().includes(net.devices[1].id));
    await page.mouse.wheel(0, -400);
    await until("the wheel zooms", () => /view=/.test(page.url()));
    assert.equal(await page.evaluate(() => window.scrollY), 0, "and does not scroll");
    for (const theme of ["light", "dark"]) {
      const phone = await open(browser, { width: 390, height: 844, phone: true, theme });
      await signIn(phone.page, mock.url, password);
      await phone.page.goto(`${mock.url}/map?node=${net.devices[1].id}`);
      await settled(phone.page, net.devices.length);
      const spot = await chosenAt(phone.page);
      await phone.page.getByTestId("let-go").click();
      await phone.page.evaluate(() => window.scrollTo(0, 0));
      await phone.page.touchscreen.tap(spot.x, spot.y);
      await until("a tap chooses", () => /node=|link=/.test(phone.page.url()));
      const width = await phone.page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(width <= 390, `${width} pixels wide`);
      const colour = await phone.page.evaluate(() => {
        const c = document.querySelector('[data-testid="map"] canvas');
        const data = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
        return data.some((value, i) => i % 4 === 3 && value > 0);
      });
      assert.ok(colour, "something is drawn");
      assert.deepEqual(phone.errors, []);
      await phone.close();
    }
  },
};

/** Five thousand devices, on a server of their own. */
export async function largeMap(browser, { dist, password }) {
  const mock = await startMock({ dist, devices: 5000, intervalSecs: 60 });
  const { page, errors, close } = await open(browser);
  await signIn(page, mock.url, password);
  const began = Date.now();
  await page.getByRole("link", { name: "Map", exact: true }).click();
  await until("folded by site", async () => (await drawn(page)) === 50, 30_000);
  const took = Date.now() - began;
  await page.goto(`${mock.url}/map?fold=none`);
  // The layout of so many is computed once, beside the page, which can be used meanwhile.
  await page.getByText(/Arranging 5,000/).waitFor({ timeout: 30_000 });
  await page.getByTestId("map-search").fill("ams-core");
  await until("the list is searched while the layout runs", async () => /^ams-core/.test(await page.getByTestId("map-device").first().textContent()));
  await page.getByTestId("map-search").fill("");
  await until("all are drawn", async () => (await drawn(page)) === 5000, 120_000);
  await page.reload();
  await until("at once, as they were kept", async () => (await drawn(page)) === 5000, 30_000);
  assert.deepEqual(errors, []);
  await close();
  await mock.control.stop();
  return took;
}
