import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDashboardWorld, type DashboardWorld } from "../support/dashboard-world.ts";
import { eventually } from "../support/world.ts";
import { accessibilityFaults, openBrowser, openPage, shoot } from "./chromium.ts";

let browser: Browser;
let world: DashboardWorld;

beforeAll(async () => {
  [browser, world] = await Promise.all([openBrowser(), createDashboardWorld()]);
  await world.worker({ name: "busy@host-1" });
  await world.worker({ name: "data@host-2", queues: ["data"], concurrency: 4 });
  const gone = await world.workerProcess({ WORKER_NAME: "gone@host-3", WORKER_QUEUES: "ml" });
  await gone.kill();
  await world.client.enqueueMany(
    Array.from({ length: 2 }, (_, index) => ({
      task: "test.echo" as const,
      input: { seconds: 60, text: `number ${index}` },
    })),
  );
});
afterAll(async () => {
  await browser?.close();
  await world?.close();
});

const looks = [
  { name: "light" },
  { name: "dark", dark: true },
  { name: "phone", phone: true },
  { name: "phone-dark", phone: true, dark: true },
];

test.each(looks)("the list of workers, $name", async ({ name, ...look }) => {
  const page = await openPage(browser, look);
  await world.enter(page, "admin");
  await page.goto(`${world.url}/workers`);
  await page.getByRole("row", { name: /busy@host-1/ }).waitFor();
  await eventually(
    "the jobs run",
    async () => (await page.getByRole("link", { name: "test.echo" }).count()) === 2,
  );
  await shoot(page, `workers-${name}`);
  expect(await accessibilityFaults(page)).toEqual([]);
  await page.goto(`${world.url}/workers/busy@host-1`);
  await page.getByText("number 1").waitFor();
  await shoot(page, `worker-${name}`);
  expect(await accessibilityFaults(page)).toEqual([]);
  await page.goto(`${world.url}/tasks`);
  await shoot(page, `tasks-${name}`);
  expect(await accessibilityFaults(page)).toEqual([]);
  await page.goto(`${world.url}/tasks/test.echo`);
  await shoot(page, `task-${name}`);
  expect(await accessibilityFaults(page)).toEqual([]);
  await page.context().close();
});
