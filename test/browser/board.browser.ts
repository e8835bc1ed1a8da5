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

test("an operator adds a job by a form that is checked, and finds its input and its own page", async () => {
  const page = await openBoard("operator", "/queue/default", { dark: true });
  const openForm = async () => {
    await page.locator("main button[aria-haspopup=menu]").first().click();
    await page.getByText("Add job").click();
    await page.getByText('"task"').first().waitFor();
  };
  const submit = async () => {
    const answered = page.waitForResponse(/\/queues\/default\/add$/);
    await page.getByRole("button", { name: "Add", exact: true }).click();
    return (await answered).status();
  };
  await openForm();
  await shoot(page, "board-add-dark");
  await page.getByLabel("Job name").fill("test.ad");
  expect(await submit()).toBe(404);
  await page
    .getByText(/TASK_UNKNOWN/)
    .first()
    .waitFor();
  await shoot(page, "board-refused-dark");

  await page.reload();
  await openForm();
  const editor = page.locator(".cm-content").first();
  await editor.fill('{ "task": "test.add", "input": { "numbers": [20, 22] } }');
  expect(await submit()).toBe(200);
  const details = page.getByRole("link", { name: "Details" }).first();
  await details.waitFor();
  expect(await details.getAttribute("href")).toMatch(/^\/jobs\/default\//);
  await page.getByRole("main").getByText("numbers").first().waitFor();
  await shoot(page, "board-job-dark");
});

test("a viewer is refused what Bull Board offers", async () => {
  const page = await openBoard("viewer", "/queue/default");
  await page.locator("main button[aria-haspopup=menu]").first().click();
  await page.getByText("Pause", { exact: true }).click();
  await page.getByRole("button", { name: /^confirm$/i }).click();
  await page.getByText("This needs the role operator").first().waitFor();
  await shoot(page, "board-viewer-refused");
  expect((await world.client.inspect.queues()).every(({ paused }) => !paused)).toBe(true);
});

test("on a phone", async () => {
  const page = await openBoard("operator", "", { phone: true });
  await page.getByRole("main").getByRole("link", { name: "ml", exact: true }).first().waitFor();
  await shoot(page, "board-phone");
});

test("it leads to the login when that has ended, and back", async () => {
  const page = await openBoard("viewer", "/queue/default");
  await page.getByRole("main").getByText("Latest").first().waitFor();
  await page.context().clearCookies();
  await page.getByRole("link", { name: "ml", exact: true }).first().click();
  await page.getByText("Your login has ended").waitFor();
  expect(new URL(page.url()).searchParams.get("next")).toBe("/board/queue/ml");
});
