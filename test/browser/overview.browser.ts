import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDashboardWorld, type DashboardWorld } from "../support/dashboard-world.ts";
import { eventually } from "../support/world.ts";
import { accessibilityFaults, openBrowser, openPage, shoot } from "./chromium.ts";

let browser: Browser;
let world: DashboardWorld;

beforeAll(async () => {
  [browser, world] = await Promise.all([openBrowser(), createDashboardWorld()]);
  await world.worker();
});
afterAll(async () => {
  await browser?.close();
  await world?.close();
});

test("the overview shows queues, what runs and what failed, and goes on by itself", async () => {
  const page = await openPage(browser);
  await world.enter(page, "operator");
  await page.goto(`${world.url}/`);
  await page.getByText("Live", { exact: true }).waitFor();
  const running = await world.client.enqueue("test.echo", { seconds: 60 });
  const failing = await world.client.enqueue("test.echo", { end: "coded" });
  await failing.result({ timeout: "20s" }).catch(() => {});
  await page.getByRole("region", { name: "Running jobs" }).getByRole("link").first().waitFor();
  await page.getByRole("region", { name: "Ended without a result" }).getByRole("link").first().waitFor();
  await shoot(page, "overview");
  expect(await accessibilityFaults(page)).toEqual([]);
  await running.cancel();
  await eventually(
    "the job to leave the page",
    async () => (await page.getByText("Nothing runs.").count()) > 0,
  );
});

test("an operator pauses a queue, and everybody sees it; a viewer has no button for it", async () => {
  const [acting, watching] = await Promise.all([openPage(browser), openPage(browser)]);
  await world.enter(acting, "operator");
  await world.enter(watching, "viewer");
  await Promise.all([acting.goto(world.url), watching.goto(world.url)]);
  await watching.getByText("Live", { exact: true }).waitFor();
  const row = watching.getByRole("row", { name: /^data/ });
  expect(await row.textContent()).toContain("open");
  expect(await watching.getByRole("button", { name: /^Pause/ }).count()).toBe(0);

  await acting.getByRole("button", { name: "Pause the queue data" }).click();
  await acting.getByRole("status").filter({ hasText: "The queue data is paused" }).waitFor();
  await shoot(acting, "overview-paused");
  await row.getByText("paused").waitFor();
  await acting.getByRole("button", { name: "Resume the queue data" }).click();
  await row.getByText("open").waitFor();
});

test("a hidden page listens to nothing, and catches up when it is seen again", async () => {
  const page = await openPage(browser);
  await world.enter(page, "viewer");
  await page.goto(world.url);
  await page.getByText("Live", { exact: true }).waitFor();
  const hide = (hidden: boolean) =>
    page.evaluate((value) => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => value });
      document.dispatchEvent(new Event("visibilitychange"));
    }, hidden);
  await hide(true);
  let asked = 0;
  page.on("request", () => {
    asked += 1;
  });
  const job = await world.client.enqueue("test.add", { numbers: [-1] });
  await job.result({ timeout: "20s" }).catch(() => {});
  // Another page sees it come; this one has not asked.
  const other = await openPage(browser);
  await world.enter(other, "viewer");
  await other.goto(world.url);
  await other.getByText("TEST_NEGATIVE").first().waitFor();
  expect(asked).toBe(0);
  expect(await page.getByText("TEST_NEGATIVE").count()).toBe(0);
  await hide(false);
  await page.getByText("TEST_NEGATIVE").first().waitFor();
});
