import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as z from "zod";
import { createCatalogue, defineTask } from "#task";
import { testCatalogue } from "../support/catalogue.ts";
import { createDashboardWorld, type DashboardWorld } from "../support/dashboard-world.ts";
import { startScheduler } from "../support/scheduler.ts";
import { eventually, type RunningWorker } from "../support/world.ts";
import { accessibilityFaults, openBrowser, openPage, shoot } from "./chromium.ts";

const nightly = defineTask({
  name: "test.nightly",
  queue: "data",
  description: "Tidies up while all sleep",
  input: z.object({}),
  output: z.null(),
  schedule: { cron: "30 2 * * *", timeZone: "Europe/Berlin", missed: { within: "6h" }, jitter: "5m" },
  run: async () => null,
});
const catalogue = createCatalogue([...testCatalogue.tasks, nightly]);

let browser: Browser;
let world: DashboardWorld;
let scheduler: RunningWorker;

beforeAll(async () => {
  [browser, world] = await Promise.all([openBrowser(), createDashboardWorld()]);
  await world.worker({ catalogue, queues: ["default", "data"] });
  scheduler = await startScheduler(world, { catalogue });
  const options = { input: { numbers: [1, 2] }, every: "1s" };
  await world.client.schedules.create("test.add", { ...options, name: "each-second", overlap: "allow" });
  await world.client.schedules.create("test.add", { ...options, name: "held", every: "1h" });
  await world.client.schedules.pause("held", { by: "ann", note: "the data is being moved" });
});
afterAll(async () => {
  await browser?.close();
  await scheduler?.stop();
  await world?.close();
});

const row = (page: Page, name: string) => page.locator(`[id="schedule-${name}"]`);

test.each([
  { name: "light" },
  { name: "dark", dark: true },
  { name: "phone", phone: true },
  { name: "phone-dark", phone: true, dark: true },
])("schedules, $name", async ({ name, ...look }) => {
  const page = await openPage(browser, look);
  await world.enter(page, "operator");
  await page.goto(`${world.url}/schedules`);
  await row(page, "test.nightly").getByText("30 2 * * * (Europe/Berlin)").waitFor();
  await row(page, "held").getByText("by ann: the data is being moved").waitFor();
  await shoot(page, `schedules-${name}`);
  expect(await accessibilityFaults(page)).toEqual([]);
  await page.getByRole("link", { name: "test.nightly", exact: true }).click();
  await page.locator("#schedule ol li").nth(4).waitFor();
  await shoot(page, `schedule-${name}`);
  expect(await accessibilityFaults(page)).toEqual([]);
  await page.context().close();
});

test("a schedule's counts go on by themselves", async () => {
  const page = await openPage(browser);
  await world.enter(page, "viewer");
  await page.goto(`${world.url}/schedules`);
  const fired = async () =>
    Number.parseInt((await row(page, "each-second").locator("td").nth(4).textContent()) ?? "", 10);
  const before = await fired();
  await eventually("it fired again, and the page says so", async () => (await fired()) > before);
  await page.context().close();
});

test("a viewer finds no button; an operator pauses with a note, resumes, runs, backfills, makes and removes", async () => {
  const watching = await openPage(browser);
  await world.enter(watching, "viewer");
  await watching.goto(`${world.url}/schedules`);
  expect(await watching.locator("main").getByRole("button").count()).toBe(0);
  await watching.context().close();

  const page = await openPage(browser);
  await world.enter(page, "operator");
  await page.goto(`${world.url}/schedules`);
  await page.getByLabel("Task").selectOption("test.add");
  await page.getByLabel("Name").fill("by-hand");
  await page.getByLabel("Every").fill("1h");
  await page.getByLabel("Input (JSON)").fill('{"numbers": [4]}');
  await page.getByRole("button", { name: "Make" }).click();
  await page.getByText("The schedule by-hand is made.").waitFor();

  await page.getByLabel("Why").fill("not today");
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByText("by operator: not today").waitFor();
  await page.getByRole("button", { name: "Resume" }).click();
  await page.getByText("by-hand goes on.").waitFor();
  await page.getByRole("button", { name: "Run now" }).click();
  await page.getByText(/by-hand is run now, as job/).waitFor();

  await page.getByLabel("From (UTC)").fill("2026-01-01T00:00");
  await page.getByLabel("To (UTC)").fill("2026-01-01T03:30");
  await page.getByRole("button", { name: "Show the times" }).click();
  await page.getByText("2026-01-01 03:00:00 UTC").waitFor();
  await shoot(page, "schedule-backfill");
  expect(await accessibilityFaults(page)).toEqual([]);
  await page.getByRole("button", { name: "Make 4 jobs" }).click();
  await page.getByText("4 jobs of by-hand are made.").waitFor();

  page.on("dialog", (dialog) => void dialog.accept());
  await page.getByRole("button", { name: "Remove" }).click();
  await page.getByText("The schedule by-hand is removed.").waitFor();
  await page.context().close();
});
