import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { createClusterDoor } from "../../src/bin/cluster-door.ts";
import { createRayClient, type RayClient } from "../../src/ray-client-http/index.ts";
import { createDashboardWorld, type DashboardWorld, oneCluster } from "../support/dashboard-world.ts";
import { accessibilityFaults, openBrowser, openPage, shoot } from "./chromium.ts";

let browser: Browser;
let ray: RayClient;
let world: DashboardWorld;
let jobId: string;
let rayJob: string;

beforeAll(async () => {
  ray = createRayClient({ address: inject("rayAddress") });
  [browser, world] = await Promise.all([
    openBrowser(),
    createDashboardWorld({ dashboard: { cluster: createClusterDoor([oneCluster], { default: ray }) } }),
  ]);
  await world.worker({ queues: ["ml"] });
  const job = await world.client.enqueue("test.ray_echo", { seconds: 90, lines: 30, text: "the log" });
  jobId = job.id;
  rayJob = await world.submissionId(jobId);
});
afterAll(async () => {
  await world?.client.control.cancel(jobId).catch(() => {});
  await browser?.close();
  await world?.close();
  await ray?.close();
});

test.each([
  { name: "light" },
  { name: "dark", dark: true },
  { name: "phone", phone: true },
  { name: "phone-dark", phone: true, dark: true },
])("the cluster and a Ray job, $name", async ({ name, ...look }) => {
  const page = await openPage(browser, look);
  await world.enter(page, "viewer");
  await page.goto(`${world.url}/ray`);
  // The page shows it by itself once the program runs.
  await page.getByRole("row", { name: rayJob }).getByText("running").waitFor();
  await shoot(page, `ray-${name}`);
  expect(await accessibilityFaults(page)).toEqual([]);

  await page.getByRole("link", { name: rayJob }).click();
  await page.locator("#log", { hasText: "line 29" }).waitFor();
  expect(await page.locator("#log").textContent()).toContain("began the log");
  expect(await page.locator("#log-state").textContent()).toBe("following");
  await page.getByRole("link", { name: "test.ray_echo" }).waitFor();
  expect(await page.getByRole("link", { name: "test.ray_echo" }).getAttribute("href")).toBe(
    `/jobs/ml/${jobId}`,
  );
  await shoot(page, `ray-job-${name}`);
  expect(await accessibilityFaults(page)).toEqual([]);
  await page.context().close();
});

test("the log ends with its Ray job, and the page says how that ended", async () => {
  const page = await openPage(browser);
  await world.enter(page, "viewer");
  await page.goto(`${world.url}/ray/${encodeURIComponent(rayJob)}`);
  await page.locator("#log", { hasText: "line 29" }).waitFor();
  await world.client.control.cancel(jobId);
  await page.getByText("the log has ended").waitFor();
  await page.locator("#ray-job").getByText("stopped", { exact: true }).waitFor();
  await page.goto(`${world.url}/ray?show=all`);
  await page.getByRole("row", { name: rayJob }).getByText("stopped").waitFor();
  // Now read from its end, by lines.
  await page.goto(`${world.url}/ray/${encodeURIComponent(rayJob)}`);
  await page.locator("#log", { hasText: "line 29" }).waitFor();
  await page.context().close();
});

test("a cluster that is away is told on the page", async () => {
  const away = createRayClient({ address: "http://127.0.0.1:9" });
  const other = await createDashboardWorld({
    dashboard: { cluster: createClusterDoor([oneCluster], { default: away }) },
  });
  try {
    const page = await openPage(browser);
    await other.enter(page, "viewer");
    await page.goto(`${other.url}/ray`);
    await page.getByText("RAY_UNAVAILABLE").waitFor();
    await shoot(page, "ray-away");
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.context().close();
  } finally {
    await other.close();
    await away.close();
  }
});
