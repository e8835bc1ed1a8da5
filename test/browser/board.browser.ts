import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Role } from "../../src/core/roles.ts";
import { createDashboardWorld, type DashboardWorld } from "../support/dashboard-world.ts";
import { openBrowser, openPage, shoot } from "./chromium.ts";

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

async function openBoard(role: Role, path = "", look: Parameters<typeof openPage>[1] = {}): Promise<Page> {
  const page = await openPage(browser, look);
  await world.enter(page, role);
  await page.goto(`${world.url}/board${path}`);
  return page;
}

test("the three queues are there, in our colours, with a way back", async () => {
  const page = await openPage(browser);
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  await world.enter(page, "viewer");
  await page.goto(`${world.url}/board`);
  for (const queue of ["ml", "data", "default"]) {
    await page.getByRole("main").getByRole("link", { name: queue, exact: true }).first().waitFor();
  }
  await shoot(page, "board");
  expect(faults).toEqual([]);
  await page.getByRole("link", { name: "Back to the Lovage dashboard" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
});

test("a job is added by a form that is checked, and shows its input and the way to its own page", async () => {
  const page = await openBoard("operator", "/queue/default", { dark: true });
  await page.locator("main button[aria-haspopup=menu]").first().click();
  await shoot(page, "board-actions");
  await page.getByText("Add job").click();
  await page.locator(".cm-content").first().waitFor();
  await page.waitForTimeout(500);
  await shoot(page, "board-add-dark");
});

test("on a phone", async () => {
  const page = await openBoard("operator", "/queue/default", { phone: true });
  await page.getByText("No latest jobs").waitFor();
  await shoot(page, "board-phone");
});
