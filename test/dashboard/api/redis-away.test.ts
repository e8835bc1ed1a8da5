import { expect, test } from "vitest";
import { apiCaller } from "../../support/api.ts";
import { createDashboardWorld } from "../../support/dashboard-world.ts";
import { startOwnRedis } from "../../support/own-redis.ts";
import { eventually } from "../../support/world.ts";

test("without Redis the API says so in time, and works again when it is back", async () => {
  const redis = await startOwnRedis();
  const world = await createDashboardWorld({ redisUrl: redis.url });
  try {
    const api = await apiCaller(world);
    const { cookie } = await world.login("viewer");
    const byLogin = { authorization: "", cookie };
    expect((await api.get("/queues")).status).toBe(200);
    expect((await api.get("/queues", byLogin)).status).toBe(200);

    await redis.stop();
    const began = Date.now();
    const answers = await Promise.all([
      api.get("/health"),
      api.get("/queues"),
      api.get("/queues", byLogin),
      api.post("/jobs", { task: "test.echo", input: {} }),
    ]);
    expect(Date.now() - began).toBeLessThan(15_000);
    for (const { status, headers, body } of answers) {
      expect([status, body.code, body.retryable]).toEqual([503, "REDIS_UNAVAILABLE", true]);
      expect(headers.get("retry-after")).toBe("5");
      // It names the address, never the password.
      expect(JSON.stringify(body)).not.toContain(redis.password ?? "no password");
    }

    await redis.restart();
    await eventually("it works again", async () => (await api.get("/queues")).status === 200);
    await eventually("it is healthy", async () => (await api.get("/health")).status === 200);
  } finally {
    await world.close();
    await redis.remove();
  }
});
