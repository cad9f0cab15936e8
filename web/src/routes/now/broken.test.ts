import { expect, test } from "vitest";
import type { DevicesQuery } from "../../lib/api/routes";
import type { Device, Page } from "../../lib/api/shapes";
import { brokenDevices } from "./broken";

/** A server with these devices in order, as `down*` where one is in maintenance. */
function server(...devices: string[]) {
  const asked: DevicesQuery[] = [];
  const rows = devices.map((text, i) => ({ id: `d${i}`, status: text.replace("*", ""), maintenance: text.endsWith("*") }) as Device);
  const ask = (query: DevicesQuery): Promise<Page<Device>> => {
    asked.push(query);
    const all = rows.filter((row) => row.status === query.status);
    const from = Number(query.cursor ?? 0);
    const to = from + (query.limit ?? 100);
    return Promise.resolve({ items: all.slice(from, to), next_cursor: to < all.length ? String(to) : null });
  };
  return { ask, asked };
}
const many = (n: number, text: string): string[] => new Array<string>(n).fill(text);
const ids = async (...devices: string[]): Promise<string[]> => (await brokenDevices(server(...devices).ask, 8)).map((d) => d.id);

test("an outage behind many devices in maintenance is listed", async () => {
  expect(await ids(...many(8, "down*"), "down")).toEqual(["d8"]);
  expect(await ids(...many(250, "degraded*"), "degraded")).toEqual(["d250"]);
});

test("what is down comes before what is degraded, eight at most", async () => {
  expect(await ids("degraded", "down*", "down", "up")).toEqual(["d2", "d0"]);
  expect(await ids(...many(9, "degraded"), ...many(7, "down"))).toEqual(["d9", "d10", "d11", "d12", "d13", "d14", "d15", "d0"]);
});

test("no page more is asked for than is needed, and never without end", async () => {
  const one = server(...many(30, "down"));
  await brokenDevices(one.ask, 8);
  expect(one.asked.map(({ status, limit }) => [status, limit])).toEqual([["down", 8], ["degraded", 8]]);
  const endless = server(...many(5000, "down*"));
  expect(await brokenDevices(endless.ask, 8)).toEqual([]);
  expect(endless.asked).toHaveLength(21);
});
