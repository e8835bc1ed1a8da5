import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Role } from "../../src/core/roles.ts";
import { createDashboardWorld, type DashboardWorld } from "../support/dashboard-world.ts";
import { eventually } from "../support/world.ts";
import { accessibilityFaults, openBrowser, openPage, shoot } from "./chromium.ts";

let browser: Browser;
let world: DashboardWorld;

beforeAll(async () => {
  [browser, world] = await Promise.all([openBrowser(), createDashboardWorld()]);
  // Many pages are looked at before the last job is.
  const kept = { age: 3_600_000, count: 1000 };
  const retention = { result: kept, failure: kept, logLines: 100 };
  await world.worker({ queues: ["default"], concurrency: 4, retention });
  const { client } = world;
  const jobs = await Promise.all([
    client.enqueue("test.echo", { text: "hello" }, { tags: ["greeting"] }),
    client.enqueue(
      "test.echo",
      { text: "Straße", end: "coded" },
      { id: "broken", tags: ["greeting", "bad"] },
    ),
    client.enqueue("test.echo", { text: "again", end: "error" }),
    client.enqueue("test.climb", { rounds: 3 }),
  ]);
  await Promise.allSettled(jobs.map((job) => job.result({ timeout: "30s" })));
  await client.enqueue("test.echo", { text: "later" }, { delay: "1h", id: "later" });
  await client.enqueue("test.ray_echo", { text: "nobody takes it" }, { id: "waits", priority: 3 });
});
afterAll(async () => {
  await browser?.close();
  await world?.close();
});

async function open(
  path: string,
  role: Role = "admin",
  look: Parameters<typeof openPage>[1] = {},
): Promise<Page> {
  const page = await openPage(browser, look);
  page.on("pageerror", (error) => {
    throw error;
  });
  await world.enter(page, role);
  await page.goto(`${world.url}${path}`);
  return page;
}

const rows = (page: Page) => page.locator("#rows tr");

test.each([
  ["jobs", "/jobs", "all were looked at"],
  ["job", "/jobs/default/broken", "INPUT_INVALID"],
  ["job-replay", "/jobs/default/broken/replay", "Input, as JSON"],
  ["enqueue-tasks", "/jobs/new", "test.echo"],
  ["enqueue", "/jobs/new?task=test.add", "numbers"],
  ["matching", "/jobs/matching/replay?tag=bad", "can be replayed"],
])("%s in light, dark and on a phone", async (name, path, text) => {
  for (const [suffix, look] of [
    ["", {}],
    ["-dark", { dark: true }],
    ["-phone", { phone: true }],
  ] as const) {
    const page = await open(path, "admin", look);
    await page.getByText(text).first().waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    await shoot(page, name + suffix);
    await page.context().close();
  }
});

test("a search by form is a URL to share, and finds what was asked for", async () => {
  const page = await open("/jobs", "viewer");
  await page.getByLabel("Text", { exact: true }).fill("STRASSE");
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByText("No job fits").waitFor();
  await page.getByLabel("Text", { exact: true }).fill("straße");
  await page.getByLabel("State").selectOption("failed");
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByText("1 found").waitFor();
  expect(await rows(page).count()).toBe(1);
  expect(new URL(page.url()).searchParams.get("state")).toBe("failed");
  await page.goto(`${world.url}/jobs?since=soon`);
  expect(await page.getByRole("alert").textContent()).toContain("since is not a duration");
  // A viewer may change nothing.
  expect(await page.getByRole("button", { name: "Cancel" }).count()).toBe(0);
  await page.goto(`${world.url}/jobs/default/broken`);
  await page.getByRole("heading", { name: "Error" }).waitFor();
  expect(await page.getByRole("button", { name: "Replay" }).count()).toBe(0);
});

test("a running job shows its progress and its log as they come, and is cancelled", async () => {
  const job = await world.client.enqueue("test.echo", { seconds: 60, text: "long" });
  const page = await open(`/jobs/default/${job.id}`, "operator");
  const progress = page.locator("#progress strong");
  await progress.waitFor();
  const before = await progress.textContent();
  await page.getByLabel("Log", { exact: true }).getByText("began long").waitFor();
  await eventually("the progress goes on", async () => {
    const now = await progress.textContent();
    return now !== before;
  });
  await shoot(page, "job-running");
  expect(await accessibilityFaults(page)).toEqual([]);
  page.on("dialog", (dialog) => dialog.accept());
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.locator("#job .state-cancelled").waitFor();
  await page.getByText("The job is being cancelled").waitFor();
});

test("a dead job is replayed with a mended input; a wrong one is told at the field", async () => {
  const page = await open("/jobs/default/broken", "operator");
  await page.getByText("Stack").click();
  expect(await accessibilityFaults(page)).toEqual([]);
  await shoot(page, "job-failed");
  await page.getByRole("link", { name: "Replay with another input" }).click();
  const input = page.getByLabel("Input, as JSON");
  await input.fill('{"text": 5}');
  await page.getByRole("button", { name: "Replay" }).click();
  expect(await page.getByRole("alert").textContent()).toContain("text");
  expect(await input.inputValue()).toBe('{"text": 5}');
  await shoot(page, "job-replay-fault");
  expect(await accessibilityFaults(page)).toEqual([]);
  await input.fill('{"text": "mended"}');
  await page.getByRole("button", { name: "Replay" }).click();
  await page.getByText("with another input").waitFor();
  await page.locator("#job .state-completed").waitFor();
  await page.getByRole("link", { name: "broken", exact: true }).waitFor();
});

test("several are selected, which holds the list still, and cancelled", async () => {
  const made = await Promise.all(
    ["one", "two"].map((text) =>
      world.client.enqueue("test.ray_echo", { text }, { tags: ["several"], id: `several-${text}` }),
    ),
  );
  const page = await open("/jobs?tag=several&state=waiting", "operator");
  page.on("dialog", (dialog) => dialog.accept());
  await page.getByLabel("Select several-one").check();
  await page.getByText("With 1 selected").waitFor();
  await world.client.enqueue("test.echo", { text: "news" });
  await page.waitForTimeout(1500);
  expect(await page.getByLabel("Select several-one").isChecked()).toBe(true);
  await page.getByLabel("Select all jobs").check();
  await page.getByText("With 2 selected").waitFor();
  await shoot(page, "jobs-selected");
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  await page.getByText("2 of 2 cancelled").waitFor();
  for (const job of made) expect(await job.state()).toBe("cancelled");
});

test("all that match are cancelled after a count", async () => {
  for (let index = 0; index < 60; index += 1)
    await world.client.enqueue("test.ray_echo", { text: `m${index}` }, { tags: ["many"] });
  const page = await open("/jobs?tag=many", "operator");
  expect(await rows(page).count()).toBe(50);
  await page.getByRole("link", { name: "Look on" }).click();
  await page.getByText("60 found").waitFor();
  expect(await rows(page).count()).toBe(60);
  await page.getByRole("link", { name: "Cancel all that match" }).click();
  await page.getByText("60 jobs can be cancelled").waitFor();
  await shoot(page, "jobs-matching");
  expect(await accessibilityFaults(page)).toEqual([]);
  await page.getByRole("button", { name: "Cancel them all" }).click();
  await page.getByText("It is done").waitFor();
  await page.getByText("60 cancelled").waitFor();
  await shoot(page, "jobs-run");
  const { jobs } = await world.client.search({ tag: "many", states: ["cancelled"] }, { limit: 100 });
  expect(jobs.length).toBe(60);
});

test("a job is enqueued by its task's form; faults are shown at their fields", async () => {
  const page = await open("/jobs", "operator", { phone: true });
  await page.getByRole("link", { name: "Enqueue a job" }).click();
  await page.getByRole("link", { name: "test.echo", exact: true }).click();
  await page.getByLabel("seconds").fill("soon");
  await page.getByLabel("text").fill("by form");
  await page.getByRole("button", { name: "Enqueue" }).click();
  expect(await page.getByRole("alert").textContent()).toContain('"soon" is no number');
  expect(await page.getByLabel("text").inputValue()).toBe("by form");
  await shoot(page, "enqueue-fault-phone");
  expect(await accessibilityFaults(page)).toEqual([]);
  await page.getByLabel("seconds").fill("0");
  await page.getByText("Options").click();
  await page.getByLabel("Tags").fill("formed, twice");
  await page.getByRole("button", { name: "Enqueue" }).click();
  await page.getByText("The job was enqueued").waitFor();
  await page.locator("#job .state-completed").waitFor();
  const { jobs } = await world.client.search({ tag: "formed" });
  expect(jobs).toMatchObject([{ task: "test.echo", state: "completed", tags: ["formed", "twice"] }]);
});

test("only an admin discards", async () => {
  const job = await world.client.enqueue("test.echo", { text: "to go" }, { id: "to-go" });
  await job.result({ timeout: "10s" });
  const operator = await open("/jobs/default/to-go", "operator");
  expect(await operator.getByRole("button", { name: "Discard" }).count()).toBe(0);
  const page = await open("/jobs/default/to-go", "admin");
  page.on("dialog", (dialog) => dialog.accept());
  await page.getByRole("button", { name: "Discard" }).click();
  await page.getByText("to-go was discarded").waitFor();
  await expect(job.state()).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
});
