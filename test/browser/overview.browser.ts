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
  await page.getByRole("region", { name: "Last failures" }).getByRole("link").first().waitFor();
  await shoot(page, "overview");
  expect(await accessibilityFaults(page)).toEqual([]);
  await running.cancel();
  await eventually(
    "the job to leave the page",
    async () => (await page.getByText("Nothing runs.").count()) > 0,
  );
});
