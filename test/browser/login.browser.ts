import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDashboardWorld, type DashboardWorld, password } from "../support/dashboard-world.ts";
import { accessibilityFaults, openBrowser, openPage, shoot } from "./chromium.ts";

let browser: Browser;
let world: DashboardWorld;

beforeAll(async () => {
  [browser, world] = await Promise.all([openBrowser(), createDashboardWorld()]);
});
afterAll(async () => {
  await browser?.close();
  await world?.close();
});

test("a person logs in by the keyboard alone, lands where they wanted to be, and logs out", async () => {
  const page = await openPage(browser);
  await page.goto(`${world.url}/workers`);
  await shoot(page, "login");
  expect(await accessibilityFaults(page)).toEqual([]);
  // The first field has the focus.
  await page.keyboard.type("operator");
  await page.keyboard.press("Tab");
  await page.keyboard.type("wrong");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").filter({ hasText: "The name or the password is wrong." }).waitFor();
  expect(await page.getByLabel("Name").inputValue()).toBe("operator");
  await shoot(page, "login-wrong");
  expect(await accessibilityFaults(page)).toEqual([]);
  await page.keyboard.type(password);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Workers" }).waitFor();
  expect(new URL(page.url()).pathname).toBe("/workers");

  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  await page.goBack();
  await page.reload();
  await page.getByRole("heading", { name: "Log in" }).waitFor();
});

test("an open page leads to the login when its own has ended elsewhere", async () => {
  const page = await openPage(browser);
  await world.enter(page, "viewer");
  await page.goto(`${world.url}/workers`);
  await page.getByText("Live", { exact: true }).waitFor();
  const other = await page.context().newPage();
  await other.goto(`${world.url}/`);
  await other.getByRole("button", { name: "Log out" }).click();
  await other.getByRole("heading", { name: "Log in" }).waitFor();
  await page.bringToFront();
  await page.getByText("Your login has ended").waitFor();
  await shoot(page, "login-ended");
  await page.getByLabel("Name").fill("viewer");
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("heading", { name: "Workers" }).waitFor();
});

test("the login on a phone, in the dark", async () => {
  const page = await openPage(browser, { dark: true, phone: true });
  await page.goto(world.url);
  await page.getByLabel("Name").waitFor();
  await shoot(page, "login-phone-dark");
  expect(await accessibilityFaults(page)).toEqual([]);
});
