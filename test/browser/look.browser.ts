import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDashboardWorld, type DashboardWorld } from "../support/dashboard-world.ts";
import { accessibilityFaults, openBrowser, openPage, shoot } from "./chromium.ts";

let browser: Browser;
let world: DashboardWorld;

beforeAll(async () => {
  [browser, world] = await Promise.all([openBrowser(), createDashboardWorld()]);
  await world.worker();
  const jobs = [{ end: "coded" }, { end: "coded", text: "second" }].map((input) =>
    world.client.enqueue("test.echo", input),
  );
  await Promise.all(jobs.map(async (job) => (await job).result({ timeout: "20s" }).catch(() => {})));
  await world.client.control.pauseQueue("ml");
});
afterAll(async () => {
  await browser?.close();
  await world?.close();
});

async function open(path: string, look: Parameters<typeof openPage>[1] = {}): Promise<Page> {
  const page = await openPage(browser, look);
  await world.enter(page, "admin");
  await page.goto(`${world.url}${path}`);
  await page.getByText("Live", { exact: true }).waitFor({ state: "attached" });
  return page;
}

/** Whether the page itself must be moved sideways; its tables may. */
const isTooWide = (page: Page) =>
  page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);

const paths = { overview: "/", audit: "/audit", workers: "/workers", "not-found": "/no-such-page" };
const looks = {
  "": {},
  "-dark": { dark: true },
  "-phone": { phone: true },
  "-phone-dark": { phone: true, dark: true },
};

for (const [name, path] of Object.entries(paths)) {
  for (const [kind, look] of Object.entries(looks)) {
    test(`${path}${kind} is readable`, async () => {
      const page = await open(path, look);
      await shoot(page, `look-${name}${kind}`);
      expect(await accessibilityFaults(page)).toEqual([]);
      expect(await isTooWide(page)).toBe(false);
      await page.context().close();
    });
  }
}

test("the theme that was chosen stays, also at Bull Board", async () => {
  const page = await open("/");
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.getByRole("button", { name: "Light or dark" }).click();
  const dark = await ground();
  expect(dark).not.toBe(light);
  await page.reload();
  expect(await ground()).toBe(dark);
  await page.goto(`${world.url}/board`);
  await page.locator("body.dark-mode").waitFor();
  await page.goto(world.url);
  await page.getByRole("button", { name: "Light or dark" }).click();
  expect(await ground()).toBe(light);
});

test("on a phone the menu folds, and opens and closes by keys", async () => {
  const page = await open("/workers", { phone: true });
  const link = page.getByRole("link", { name: "Audit log" });
  expect(await link.isVisible()).toBe(false);
  const menu = page.getByRole("button", { name: "Menu" });
  await menu.press("Enter");
  await link.waitFor();
  await shoot(page, "look-menu-phone");
  expect(await accessibilityFaults(page)).toEqual([]);
  await page.keyboard.press("Escape");
  expect(await link.isVisible()).toBe(false);
  expect(await menu.evaluate((button) => document.activeElement === button)).toBe(true);
});

test("the first key leads past the navigation, and what has the focus is seen", async () => {
  const page = await open("/");
  await page.keyboard.press("Tab");
  const skip = page.getByRole("link", { name: "Skip to content" });
  expect(await skip.evaluate((link) => link.getBoundingClientRect().top >= 0)).toBe(true);
  await shoot(page, "look-skip");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  const inMain = await page.evaluate(() => document.querySelector("main")?.contains(document.activeElement));
  expect(inMain).toBe(true);
  const outline = await page.evaluate(
    () => getComputedStyle(document.activeElement ?? document.body).outlineStyle,
  );
  expect(outline).toBe("solid");
});

test("without scripts the pages still stand, and the menu is open", async () => {
  const context = await browser.newContext({
    javaScriptEnabled: false,
    viewport: { width: 390, height: 844 },
  });
  const page = await context.newPage();
  await world.enter(page, "viewer");
  await page.goto(world.url);
  await page.getByRole("link", { name: "Workers", exact: true }).click();
  await page.getByRole("heading", { name: "Workers" }).waitFor();
});
