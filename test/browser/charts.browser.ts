import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeFigures } from "../../src/queue/history-buckets.ts";
import { createDashboardWorld, type DashboardWorld } from "../support/dashboard-world.ts";
import { eventually } from "../support/world.ts";
import { accessibilityFaults, openBrowser, openPage, shoot } from "./chromium.ts";

let browser: Browser;
let world: DashboardWorld;

const minute = 60_000;

/** A week in which something happened all the time, as a wave; the last hour by the minute. */
async function writePast(): Promise<void> {
  const now = Date.now();
  const quarters = Array.from({ length: 8 * 96 }, (_, index) => ({
    at: now - (index + 4) * 15 * minute,
    share: 15,
  }));
  const minutes = Array.from({ length: 59 }, (_, index) => ({ at: now - (index + 1) * minute, share: 1 }));
  for (const { at, share } of [...quarters, ...minutes]) {
    const wave = 1 + Math.sin(at / (share * 400_000));
    const some = (count: number) => Math.round(share * count * wave);
    const fields = [
      ...[
        "completed",
        some(4) + share,
        "failed",
        some(0.5),
        "retried",
        some(0.8),
        "cancelled",
        some(0.2),
        "expired",
        some(0.1),
      ],
      ...["wait:20", 30, "wait:30", 4, `wait:${33 + Math.round(4 * wave)}`, 1],
      ...["run:36", 30, "run:44", 4, `run:${48 + Math.round(4 * wave)}`, 1],
    ];
    const backlog = ["waiting", Math.round(120 * wave), "backlogAge", Math.round(90_000 * wave)];
    await writeFigures(world.broker, "add", [
      { queue: "default", at, fields },
      { queue: "default", task: "test.echo", at, fields },
    ]);
    await writeFigures(world.broker, "greatest", [{ queue: "default", at, fields: backlog }]);
  }
}

beforeAll(async () => {
  [browser, world] = await Promise.all([openBrowser(), createDashboardWorld()]);
  await writePast();
});
afterAll(async () => {
  await browser?.close();
  await world?.close();
});

test.each([
  { name: "light", span: "day" },
  { name: "dark", span: "hour", dark: true },
  { name: "phone", span: "hour", phone: true },
  { name: "phone-dark", span: "week", phone: true, dark: true },
])("the charts of a span, $name", async ({ name, span, ...look }) => {
  const page = await openPage(browser, look);
  await world.enter(page, "viewer");
  await page.goto(`${world.url}/charts?span=${span}`);
  await page.locator("#charts[data-drawn]").waitFor();
  await shoot(page, `charts-${name}`);
  expect(await accessibilityFaults(page)).toEqual([]);
  await page.context().close();
});
test("what happens now comes by itself; a filter, a span, and the figures as a table", async () => {
  const page = await openPage(browser);
  await world.enter(page, "viewer");
  await page.goto(`${world.url}/charts?queue=data`);
  await page.getByText("Nothing happened within the last hour").waitFor();
  await shoot(page, "charts-empty");
  expect(await accessibilityFaults(page)).toEqual([]);
  const fields = ["completed", 12, "failed", 3, "run:40", 15];
  await writeFigures(world.broker, "add", [{ queue: "data", at: Date.now(), fields }]);
  await page.locator('[data-figure="completed"]', { hasText: "12" }).waitFor();
  expect(await page.getByText("Nothing happened").isVisible()).toBe(false);
  expect(await page.locator('[data-figure="failed-note"]').textContent()).toBe("20.0 %");
  await page.getByText("Throughput as a table").click();
  const row = page.getByRole("region", { name: "Throughput as a table" }).locator("tbody tr");
  expect((await row.first().locator("td").allTextContents()).slice(0, 2)).toEqual(["12", "3"]);

  await page.getByLabel("Queue").selectOption("default");
  await page.getByRole("button", { name: "Show" }).click();
  await page.getByRole("link", { name: "Week" }).click();
  expect(new URL(page.url()).search).toBe("?span=week&queue=default");
  await page.locator("#charts[data-drawn]").waitFor();
  await shoot(page, "charts-week");
  // By hand from light to dark: the charts follow.
  const picture = () =>
    page
      .locator("figure canvas")
      .first()
      .evaluate((canvas) => (canvas as unknown as { toDataURL(): string }).toDataURL());
  const light = await picture();
  await page.getByRole("button", { name: "Light or dark" }).click();
  await eventually("the charts are dark", async () => (await picture()) !== light);
  await page.context().close();
});
