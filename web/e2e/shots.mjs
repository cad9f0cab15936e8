// Pictures of every view in both themes and both widths, against the mock: node e2e/shots.mjs DIR
// Those of the guide, docs/guide/map.png, device.png and storage.png: node e2e/shots.mjs --guide [NAME]

import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { launch, open, signIn } from "./browser.mjs";
import { startMock } from "./mock/server.mjs";

const guide = process.argv[2] === "--guide";
const dir = guide ? fileURLToPath(new URL("../../docs/guide/", import.meta.url)) : process.argv[2] ?? fileURLToPath(new URL("../dist-shots/", import.meta.url));
const only = process.argv[3];
await mkdir(dir, { recursive: true });
const mock = await startMock({ dist: fileURLToPath(new URL("../dist/", import.meta.url)), devices: 40, intervalSecs: 2 });
const browser = await launch();
const device = mock.control.net.devices[0];
mock.control.state.credentials.push({ id: "01900000-0000-7000-8000-00000000c0de", name: "campus", kind: "snmp_v3", user: "reader", auth: "sha256", privacy: "aes128", devices: 38, revision: 1, created_at: new Date().toISOString() });
mock.control.kept.fill();
const views = {
  now: "/",
  devices: "/devices",
  device: `/devices/${device.id}`,
  availability: `/devices/${device.id}?tab=availability&past=30d`,
  neighbors: `/devices/${device.id}?tab=neighbors`,
  sensors: `/devices/${device.id}?tab=sensors&range=24h`,
  storage: `/devices/${device.id}?tab=storage&range=24h`,
  inventory: `/devices/${device.id}?tab=inventory`,
  vlans: `/devices/${device.id}?tab=vlans`,
  map: "/map",
  mapnode: `/map?node=${device.id}`,
  maplink: `/map?link=${mock.control.net.links[2].id}`,
  mapfold: "/map?fold=site",
  links: "/links",
  discovery: "/discovery",
  form: "/devices?discover=new",
  run: "/devices?discover=RUN",
  credentials: "/credentials",
  profiles: "/profiles",
  objects: `/devices/${device.id}?tab=objects`,
  kept: "/storage",
  retention: "/storage?tab=retention",
  policy: "/storage?tab=retention&policy=new",
  hold: "/storage?tab=retention&hold=new",
  backups: "/storage?tab=backups",
  series: "/storage?tab=series",
  archive: "/storage?tab=archive",
  work: "/storage?tab=work",
  export: "/storage?tab=work&do=export",
  import: "/storage?tab=work&do=import",
  delete: "/storage?tab=work&do=delete",
};
/** What the guide shows. */
if (guide) {
  const { page, close } = await open(browser, { width: 1280, height: 860 });
  await signIn(page, mock.url, "correct horse");
  const wanted = process.argv[3];
  for (const [name, path] of Object.entries({ map: views.maplink, device: `/devices/${mock.control.net.devices[1].id}?tab=availability&past=7d`, storage: "/storage" })) {
    if (wanted && name !== wanted) continue;
    await page.goto(mock.url + path);
    await page.waitForTimeout(3000);
    // Below its table the overview of storage is empty.
    const clip = name === "storage" ? { clip: { x: 0, y: 0, width: 1280, height: 530 } } : {};
    await page.screenshot({ path: `${dir}/${name}.png`, ...clip });
  }
  await close();
  await browser.close();
  await mock.control.stop();
  process.exit(0);
}

for (const [size, options] of Object.entries({ wide: { width: 1280, height: 900 }, phone: { width: 390, height: 844, phone: true } })) {
  for (const theme of ["light", "dark"]) {
    if (only && !`${size}-${theme}`.includes(only) && !Object.keys(views).some((v) => v === only)) continue;
    const { page, errors, close } = await open(browser, { ...options, theme });
    await page.goto(mock.url);
    await page.getByTestId("password").waitFor();
    if (!only) await page.screenshot({ path: `${dir}/signin-${size}-${theme}.png` });
    await signIn(page, mock.url, "correct horse");
    for (const [name, path] of Object.entries(views)) {
      if (only && views[only] && name !== only) continue;
      if (name === "run") {
        await page.goto(mock.url + views.form);
        await page.getByTestId("targets").fill("192.0.2.0/29");
        await page.getByTestId("start-discovery").click();
        await page.waitForTimeout(900);
      } else await page.goto(mock.url + path);
      await page.waitForTimeout(name === "device" || name === "devices" || name.startsWith("map") ? 2600 : 500);
      await page.screenshot({ path: `${dir}/${name}-${size}-${theme}.png`, fullPage: size === "wide" && name !== "form" && name !== "run" && name !== "devices" });
    }
    if (errors.length > 0) console.error(size, theme, errors);
    await close();
  }
}
await browser.close();
await mock.control.stop();
