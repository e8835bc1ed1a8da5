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
  await silence("gone@host-3");
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

/** As when no beat has come for a while. */
async function silence(name: string): Promise<void> {
  const { redis, keys } = world.broker;
  const stored = (await redis.hget(keys.workers, name)) ?? "";
  const [at = ""] = stored.split(" ");
  await redis.hset(keys.workers, name, stored.replace(at, String(Number(at) - 20_000)));
}

test.each([
  { name: "light" },
  { name: "dark", dark: true },
  { name: "phone", phone: true },
  { name: "phone-dark", phone: true, dark: true },
])("the list of workers, $name", async ({ name, ...look }) => {
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

test("a worker that comes and goes is seen by itself, with its state", async () => {
  const page = await openPage(browser);
  await world.enter(page, "viewer");
  await page.goto(`${world.url}/workers`);
  await page
    .getByRole("row", { name: /gone@host-3/ })
    .getByText("no beat for")
    .waitFor();
  expect(await page.locator("main").getByRole("button").count()).toBe(0);
  const comes = await world.worker({ name: "comes@host-4", queues: ["ml"] });
  await page
    .getByRole("row", { name: /comes@host-4/ })
    .getByText("alive")
    .waitFor();
  await comes.stop();
  await page.getByRole("row", { name: /comes@host-4/ }).waitFor({ state: "detached" });
  await page.context().close();
});

test("an operator pauses a queue on a worker and sets its concurrency; an admin takes a queue away and stops it", async () => {
  const worker = await world.workerProcess({ WORKER_NAME: "asked@host-5", WORKER_QUEUES: "ml,data" });
  const path = `${world.url}/workers/asked@host-5`;
  const operator = await openPage(browser);
  await world.enter(operator, "operator");
  await operator.goto(path);
  expect(await operator.getByRole("button", { name: "Remove ml" }).count()).toBe(0);
  await operator.getByRole("button", { name: "Pause ml" }).click();
  await operator.getByText("takes no jobs of ml until it is resumed").waitFor();
  await operator.getByLabel("Concurrency of data", { exact: true }).fill("9");
  await operator.getByRole("button", { name: "Set the concurrency of data" }).click();
  await operator.getByText("has another concurrency for data").waitFor();
  const { answers } = await world.client.inspect.stats({ workers: ["asked@host-5"] });
  expect(answers[0]?.answer.queues).toMatchObject([
    { name: "ml", paused: true },
    { name: "data", concurrency: 9 },
  ]);
  await operator.context().close();

  const admin = await openPage(browser);
  await world.enter(admin, "admin");
  await admin.goto(path);
  await admin.getByText("paused here").waitFor();
  admin.once("dialog", (dialog) => void dialog.dismiss());
  await admin.getByRole("button", { name: "Remove ml" }).click();
  expect(await admin.getByRole("row", { name: /^ml/ }).count()).toBe(1);
  admin.on("dialog", (dialog) => void dialog.accept());
  await admin.getByRole("button", { name: "Remove ml" }).click();
  await admin.getByText("takes no more jobs of ml").waitFor();
  await admin.getByRole("button", { name: "Stop asked@host-5" }).click();
  await admin.getByText("was told to stop").first().waitFor();
  await eventually("its process has ended", () => worker.process.exitCode === 0);
  await admin.context().close();
});

test("by keyboard alone: to a worker, its queue, and a limit of a task", async () => {
  const page = await openPage(browser);
  await world.enter(page, "operator");
  await page.goto(`${world.url}/tasks/test.echo`);
  await page.getByLabel("Attempts in a time").focus();
  await page.keyboard.type("7/m");
  await page.keyboard.press("Enter");
  await page.getByText("The rate limit of test.echo is 7/m.").waitFor();
  await page.getByText("set here; defined: none").waitFor();
  await page.getByRole("button", { name: "The rate limit as defined" }).focus();
  await page.keyboard.press("Space");
  await page.getByText("The rate limit of test.echo is as defined.").waitFor();
  await page.context().close();
});
