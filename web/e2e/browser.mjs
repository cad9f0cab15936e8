// Chromium for the browser tests, and what every test does with a page: count what went wrong.

import { chromium } from "playwright-core";

const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export function launch() {
  return chromium.launch({ executablePath: process.env.FORETELL_CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
}

/** A page of its own, with the errors that it logs kept in `errors`. */
export async function open(browser, { width = 1280, height = 900, theme = "light", phone = false } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, hasTouch: phone, isMobile: phone, deviceScaleFactor: 1 });
  const page = await context.newPage();
  const errors = [];
  page.on("console", (message) => {
    // A request that is refused is logged by the browser itself, sign-in's 401 among them.
    // Over plain HTTP the browser says that it heeds one header of ours on HTTPS only.
    if (message.type() === "error" && !/Failed to load resource|WebSocket connection|Opener-Policy header has been ignored/.test(message.text())) errors.push(message.text());
  });
  page.on("pageerror", (error) => errors.push(String(error)));
  return { page, errors, close: () => context.close() };
}

export async function signIn(page, url, password) {
  await page.goto(url);
  await page.getByTestId("password").fill(password);
  await page.getByTestId("sign-in").click();
  await page.getByTestId("sentence").waitFor();
}

/** Waits until `probe` answers something true, and answers it; says what it waited for when it does not. */
export async function until(what, probe, ms = 20_000) {
  const end = Date.now() + ms;
  for (;;) {
    const got = await probe();
    if (got) return got;
    if (Date.now() > end) throw new Error(`waited ${ms} ms for: ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}
