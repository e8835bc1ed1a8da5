import { afterEach, expect, test } from "vitest";
import { createClient } from "#client";
import { type TestTasks, testCatalogue } from "../../support/catalogue.ts";
import { startCuttingProxy } from "../../support/cutting-proxy.ts";
import { startOwnRedis } from "../../support/own-redis.ts";
import { createHttpWorld } from "../../support/sides.ts";
import { eventually } from "../../support/world.ts";

type HttpWorld = Awaited<ReturnType<typeof createHttpWorld>>;

const tidy: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const each of tidy.splice(0).reverse()) await each();
});

async function open(options: Parameters<typeof createHttpWorld>[0] = {}): Promise<HttpWorld> {
  const world = await createHttpWorld(options);
  tidy.push(() => world.close());
  return world;
}

/** A client whose first connections are cut after so many bytes of answers. */
async function behindCuts({ url, apiKey }: HttpWorld, until: number, times: number) {
  const proxy = await startCuttingProxy(url, until, times);
  tidy.push(() => proxy.close());
  const client = createClient<TestTasks>({ url: proxy.url, apiKey, catalogue: testCatalogue });
  tidy.push(() => client.close());
  return { client, proxy };
}

test("over a line that is cut again and again, one call is one job and nothing of its life is missed or told twice", async () => {
  const world = await open();
  const { client, proxy } = await behindCuts(world, 2000, 12);
  const job = await client.enqueue("test.echo", { text: "cut", lines: 0, seconds: 0.4 });
  const lines: string[] = [];
  const events: string[] = [];
  const cursors = new Set<string>();
  const followed = Promise.all([
    (async () => {
      for await (const line of job.logs({ follow: true })) lines.push(line);
    })(),
    (async () => {
      for await (const event of job.events()) {
        events.push(event.type);
        expect(cursors.has(event.cursor)).toBe(false);
        cursors.add(event.cursor);
      }
    })(),
  ]);
  await eventually("the streams are open", () => proxy.connections() >= 3);
  await world.worker({ queues: ["default"] });
  expect(await job.result({ timeout: "30s" })).toMatchObject({ text: "cut" });
  await followed;
  expect(lines).toEqual(["began cut"]);
  expect(events.filter((type) => type !== "waiting")).toEqual([
    "active",
    ...Array.from({ length: 4 }, () => "progress"),
    "completed",
  ]);
  const counts = await world.broker.queue("default").getJobCounts();
  expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(1);
  expect(proxy.connections()).toBeGreaterThan(3);
});

test("a Redis behind the API that does not answer is told as such, and nothing is sent twice when it is back", async () => {
  const redis = await startOwnRedis();
  tidy.push(() => redis.remove());
  const world = await open({ redisUrl: redis.url, client: { timeout: "2s" } });
  // The dashboard gives up first, so that its reason is heard.
  const patient = world.connect({ catalogue: testCatalogue, timeout: "20s" });
  tidy.push(() => patient.close());
  await patient.enqueue("test.echo", {}, { id: "before" });
  redis.pause();
  tidy.push(async () => redis.resume());
  const refused = await world.client.enqueue("test.echo", {}, { id: "during" }).catch((error) => error);
  expect(["REDIS_UNAVAILABLE", "API_UNAVAILABLE"]).toContain(refused.code);
  const during = patient.enqueue("test.echo", {}, { id: "patient" });
  redis.resume();
  expect(await (await during).state()).toBe("waiting");
  const ids = (await world.broker.queue("default").getJobs(["wait"])).map(({ id }) => id);
  expect(ids.filter((id) => id === "patient")).toHaveLength(1);
});

test("a key that was revoked, and one without the scope, are told at once", async () => {
  const world = await open();
  const { createApiKeys } = await import("../../../src/queue/api-keys.ts");
  const keys = createApiKeys(world.broker);
  const { key, token } = await keys.create({ name: "reader", scopes: ["read"], createdBy: "test" });
  const client = createClient<TestTasks>({ url: world.url, apiKey: token });
  tidy.push(() => client.close());
  expect(await client.inspect.workers()).toEqual([]);
  await expect(client.enqueue("test.echo", {})).rejects.toMatchObject({ code: "FORBIDDEN", field: "scope" });
  const waiting = client.events().next();
  await keys.revoke(key.id);
  await eventually("the key is known to be gone", () =>
    client.tasks().then(
      () => false,
      (error) => error.code === "UNAUTHENTICATED",
    ),
  );
  waiting.catch(() => {});
});
