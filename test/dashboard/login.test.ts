import { afterAll, beforeAll, expect, test } from "vitest";
import { createDashboardWorld, type DashboardWorld, password } from "../support/dashboard-world.ts";

let world: DashboardWorld;

beforeAll(async () => {
  world = await createDashboardWorld();
});
afterAll(() => world?.close());

const visit = (path: string, init: RequestInit = {}) =>
  fetch(`${world.url}${path}`, { redirect: "manual", ...init });
const tryLogin = (fields: Record<string, string>, headers: Record<string, string> = {}) =>
  visit("/login", { method: "POST", body: new URLSearchParams(fields), headers });

test("a visitor is led to the login and, logged in, to the page they wanted", async () => {
  const led = await visit("/workers?a=1", { headers: { accept: "text/html" } });
  expect(led.status).toBe(303);
  expect(led.headers.get("location")).toBe("/login?next=%2Fworkers%3Fa%3D1");

  const form = await visit("/login?next=/workers");
  expect(form.status).toBe(200);
  expect(form.headers.getSetCookie()).toEqual([]);
  expect(await form.text()).toContain('name="next" value="/workers"');

  const entered = await tryLogin({ name: "viewer", password, next: "/workers" });
  expect(entered.status).toBe(303);
  expect(entered.headers.get("location")).toBe("/workers");

  const session = await world.login("viewer");
  const page = await session.fetch("/workers");
  expect(page.status).toBe(200);
  expect(await page.text()).toContain("viewer");
});
