import { afterAll, beforeAll, expect, test } from "vitest";
import { apiCaller } from "../support/api.ts";
import { createDashboardWorld, type DashboardWorld } from "../support/dashboard-world.ts";

let world: DashboardWorld;

beforeAll(async () => {
  world = await createDashboardWorld({
    dashboard: { metrics: (_request, response) => void response.end("lovage_up 1\n") },
  });
});

afterAll(() => world.close());

test("metrics are for who is logged in, and for a key that may read", async () => {
  const tokenOf = async (scope: string) => (await apiCaller(world, { scopes: [scope] })).token;
  const ask = (token: string) =>
    fetch(`${world.url}/metrics`, { headers: { authorization: `Bearer ${token}` }, redirect: "manual" });

  expect((await fetch(`${world.url}/metrics`, { redirect: "manual" })).status).toBe(401);
  expect((await ask("lovage_nobody_nothing")).status).toBe(401);
  expect((await ask(await tokenOf("control"))).status).toBe(403);
  const answer = await ask(await tokenOf("read"));
  expect([answer.status, await answer.text()]).toEqual([200, "lovage_up 1\n"]);
  const viewer = await world.login("viewer");
  expect(await (await viewer.fetch("/metrics")).text()).toBe("lovage_up 1\n");
});
