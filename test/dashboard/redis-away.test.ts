import { expect, test } from "vitest";
import { createDashboardWorld } from "../support/dashboard-world.ts";
import { startOwnRedis } from "../support/own-redis.ts";
import { eventually } from "../support/world.ts";

test("while Redis is away pages say so in time, health is still told, and afterwards all goes on", async () => {
  const redis = await startOwnRedis();
  const world = await createDashboardWorld({ redisUrl: redis.url });
  try {
    const session = await world.login();
    redis.pause();
    const page = await session.fetch("/");
    expect(page.status).toBe(503);
    expect(await page.text()).toContain("REDIS_UNAVAILABLE");
    const login = await fetch(`${world.url}/login`, {
      method: "POST",
      body: new URLSearchParams({ name: "admin", password: "wrong" }),
      headers: { accept: "text/html" },
    });
    expect(login.status).toBe(503);
    expect((await fetch(`${world.url}/livez`)).status).toBe(200);
    redis.resume();
    await eventually("the page to be back", async () => (await session.fetch("/")).status === 200);
  } finally {
    redis.resume();
    await world.close();
    await redis.remove();
  }
});
