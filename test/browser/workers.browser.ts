import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDashboardWorld, type DashboardWorld } from "../support/dashboard-world.ts";
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

test("the page lists the workers", async () => {
  const page = await openPage(browser);
  await world.enter(page);
  await page.goto(`${world.url}/workers`);
  await expect(page.getByRole("row", { name: /test-worker/ }).textContent()).resolves.toContain("alive");
  await shoot(page, "workers");
  expect(await accessibilityFaults(page)).toEqual([]);
});
