import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { apiCaller } from "../support/api.ts";
import { createDashboardWorld, type DashboardWorld } from "../support/dashboard-world.ts";
import { eventually } from "../support/world.ts";
import { accessibilityFaults, openBrowser, openPage, shoot } from "./chromium.ts";

let browser: Browser;
let world: DashboardWorld;

beforeAll(async () => {
  [browser, world] = await Promise.all([openBrowser(), createDashboardWorld()]);
  await world.worker();
  const api = await apiCaller(world);
  await eventually("the tasks are published", async () => (await api.get("/tasks")).body.tasks.length > 0);
});
afterAll(async () => {
  await browser?.close();
  await world?.close();
});

test("the API's page shows the operations, and tries one with the login alone", async () => {
  const page = await openPage(browser);
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  await world.enter(page, "operator");
  await page.goto(`${world.url}/api/v1/docs`);
  await page.getByText("Enqueue a job", { exact: true }).waitFor();
  await page.screenshot({ path: "test-results/screenshots/api-docs.png" });

  await page.locator("#operations-jobs-enqueue .opblock-summary-control").click();
  await page.getByRole("button", { name: "Try it out" }).click();
  await page.locator("#operations-jobs-enqueue textarea").fill('{"task": "test.echo", "input": {}}');
  await page.getByRole("button", { name: "Execute" }).click();
  await page.locator(".live-responses-table .response-col_status").getByText("201").waitFor();
  await page.screenshot({ path: "test-results/screenshots/api-docs-tried.png" });
  expect(faults).toEqual([]);
});

test("the API's page in the dark, and with a key", async () => {
  const page = await openPage(browser, { dark: true });
  await world.enter(page, "viewer");
  const { token } = await apiCaller(world);
  await page.goto(`${world.url}/api/v1/docs`);
  await page.getByRole("button", { name: "Authorize" }).click();
  await page.locator(".auth-container input").fill(token);
  await page.getByRole("button", { name: "Apply credentials" }).click();
  await page.getByRole("button", { name: "Close" }).first().click();
  await page.locator("#operations-queues-pauseQueue .opblock-summary-control").click();
  await page.getByRole("button", { name: "Try it out" }).click();
  await page.locator("#operations-queues-pauseQueue select").first().selectOption("ml");
  await page.getByRole("button", { name: "Execute" }).click();
  await page.locator(".live-responses-table .response-col_status").getByText("204").waitFor();
  await page.screenshot({ path: "test-results/screenshots/api-docs-dark.png" });
});

test("what the error codes mean", async () => {
  const page = await openPage(browser);
  await world.enter(page, "viewer");
  await page.goto(`${world.url}/api/v1/docs/errors#JOB_NOT_FOUND`);
  await page.getByText("JOB_NOT_FOUND").waitFor();
  expect(await accessibilityFaults(page)).toEqual([]);
  await shoot(page, "api-errors");
});

test("an admin makes a key, sees its token once, and revokes it", async () => {
  const page = await openPage(browser);
  await world.enter(page, "admin");
  await page.goto(`${world.url}/keys`);
  await page.getByLabel("Name").fill("shop");
  await page.getByLabel("Scopes").fill("reed");
  await page.getByRole("button", { name: "Make the key" }).click();
  await page.getByText("did you mean read?").waitFor();
  expect(await page.getByLabel("Name").inputValue()).toBe("shop");

  await page.getByLabel("Scopes").fill("read enqueue:test.*");
  await page.getByLabel("Expires in").fill("90d");
  await page.getByRole("button", { name: "Make the key" }).click();
  const token = await page.locator("code.token").textContent();
  expect(await accessibilityFaults(page)).toEqual([]);
  await shoot(page, "keys");
  const ask = () => fetch(`${world.url}/api/v1/tasks`, { headers: { authorization: `Bearer ${token}` } });
  expect((await ask()).status).toBe(200);

  await page.goto(`${world.url}/keys`);
  expect(await page.content()).not.toContain(token?.slice(-64));
  page.on("dialog", (dialog) => dialog.accept());
  await page.getByRole("button", { name: "Revoke the key shop" }).click();
  await page.getByText("is revoked").waitFor();
  await eventually("the key is refused", async () => (await ask()).status === 401, 3000);

  const phone = await openPage(browser, { phone: true, dark: true });
  await world.enter(phone, "admin");
  await phone.goto(`${world.url}/keys`);
  await shoot(phone, "keys-phone-dark");
});

test("keys are for admins", async () => {
  const operator = await world.login("operator");
  expect((await operator.fetch("/keys")).status).toBe(403);
  expect((await operator.post("/keys", { name: "x", scopes: "read" })).status).toBe(403);
});
