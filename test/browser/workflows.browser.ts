import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chain, group, map, signature } from "#client";
import { createDashboardWorld, type DashboardWorld } from "../support/dashboard-world.ts";
import { eventually } from "../support/world.ts";
import { accessibilityFaults, openBrowser, openPage, shoot } from "./chromium.ts";

let browser: Browser;
let world: DashboardWorld;

beforeAll(async () => {
  [browser, world] = await Promise.all([openBrowser(), createDashboardWorld()]);
  await world.worker({ queues: ["default"], concurrency: 4 });
});
afterAll(async () => {
  await browser?.close();
  await world?.close();
});

async function open(path: string, look: Parameters<typeof openPage>[1] = {}): Promise<Page> {
  const page = await openPage(browser, look);
  await world.enter(page, "viewer");
  await page.goto(`${world.url}${path}`);
  return page;
}

test("the tree of a running workflow grows as it runs, with nested calls, retries and failures", async () => {
  const add = (numbers: number[], milliseconds = 0) => signature("test.add", { numbers, milliseconds });
  const echo = signature("test.echo", { end: "fail-first", text: "second" });
  const job = await world.client.start(
    group([
      signature("test.climb", { rounds: 4 }),
      echo,
      chain(signature("test.echo", { seconds: 6, text: "long" })),
      add([-1]),
    ]),
  );
  const page = await open(`/workflows/default/${job.id}`);
  await page.locator("#workflow .timeline .state-active").first().waitFor();
  const calls = page.locator(".timeline li");
  await eventually("nested calls are drawn", async () => (await calls.count()) > 10);
  await page.locator(".timeline .why", { hasText: "TEST_NEGATIVE" }).waitFor();
  await page.getByText("attempt 2 of 3").waitFor();
  await shoot(page, "workflow-running");
  expect(await accessibilityFaults(page)).toEqual([]);
  await page.locator("#workflow > p .state-failed").waitFor();
  for (const [name, look] of [
    ["workflow-dark", { dark: true }],
    ["workflow-phone", { phone: true }],
  ] as const) {
    const other = await open(`/workflows/default/${job.id}`, look);
    expect(await accessibilityFaults(other)).toEqual([]);
    await shoot(other, name);
    await other.context().close();
  }
  await page.getByRole("link", { name: "test.climb" }).click();
  await page.getByRole("heading", { name: "test.climb" }).waitFor();
});

test("workflows are listed, and lead to their trees", async () => {
  const job = await world.client.enqueue("test.climb", { rounds: 1 }, { id: "small-climb" });
  await job.result({ timeout: "20s" });
  for (const [name, look] of [
    ["workflows", {}],
    ["workflows-dark", { dark: true }],
    ["workflows-phone", { phone: true }],
  ] as const) {
    const page = await open("/workflows", look);
    await page.getByRole("cell", { name: "small-climb" }).waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    await shoot(page, name);
    await page.context().close();
  }
  const page = await open("/workflows");
  // Its own calls are no workflows.
  expect(await page.getByText("test.add").count()).toBe(0);
  await page
    .getByRole("row", { name: /small-climb/ })
    .getByRole("link")
    .click();
  await page.getByRole("region", { name: "Timeline" }).waitFor();
});

test("a thousand calls are drawn, the rest is told", async () => {
  const inputs = Array.from({ length: 1100 }, (_, index) => ({ numbers: [index] }));
  const job = await world.client.start(map("test.add", inputs));
  await job.result({ timeout: "60s" });
  const page = await open(`/workflows/default/${job.id}`);
  expect(await page.locator(".timeline li").count()).toBe(1001);
  await page.getByText("100 more calls of it are not shown").waitFor();
});
