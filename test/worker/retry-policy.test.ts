import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, createClient } from "#client";
import { catalogue, type LimitsTasks } from "../support/limits-catalogue.ts";
import { createWorld, type World } from "../support/world.ts";

let world: World;
let client: Client<LimitsTasks>;
beforeAll(async () => {
  world = await createWorld();
  client = createClient<LimitsTasks>({ redis: world.redis, catalogue });
  await world.worker({ catalogue, concurrency: 4, queues: ["default"] });
});
afterAll(async () => {
  await client.close();
  await world.close();
});

test("retryOn tries again what says it is hopeless, neverRetryOn ends what says it is not", async () => {
  const worth = await client.enqueue("limits.picky", { code: "WORTH_IT" });
  expect(await worth.result({ timeout: "20s" })).toBe("at last");
  const hopeless = await client.enqueue("limits.picky", { code: "UNLISTED" });
  const plain = await client.enqueue("limits.picky", { code: "plain" });
  for (const job of [hopeless, plain]) {
    await expect(job.result({ timeout: "20s" })).rejects.toMatchObject({ name: "LovageError" });
    expect(await job.snapshot()).toMatchObject({ state: "failed", attempt: 1 });
  }
});

test("context.retry waits as long as it says, counts as an attempt, and ends with its reason", async () => {
  const begun = Date.now();
  const job = await client.enqueue("limits.picky", { code: "x", delay: "400ms" });
  expect(await job.result({ timeout: "20s" })).toBe("at last");
  expect(Date.now() - begun).toBeGreaterThanOrEqual(800);
  expect(Date.now() - begun).toBeLessThan(10_000);
  const always = await client.enqueue("limits.picky", { code: "always", delay: "1ms" });
  await expect(always.result({ timeout: "20s" })).rejects.toMatchObject({
    code: "RETRY_REQUESTED",
    message: "not yet",
  });
  expect(await always.snapshot()).toMatchObject({ state: "failed", attempt: 3, attempts: 3 });
});

test("attempts and back-off of a call go before its task's", async () => {
  const once = await client.enqueue("limits.picky", { code: "WORTH_IT" }, { attempts: 1 });
  await expect(once.result({ timeout: "20s" })).rejects.toMatchObject({ code: "WORTH_IT" });
  const begun = Date.now();
  const slow = await client.enqueue(
    "limits.picky",
    { code: "WORTH_IT" },
    { backoff: "600ms", maxBackoff: "600ms" },
  );
  expect(await slow.result({ timeout: "10s" })).toBe("at last");
  // Half of a wait is random: two waits of 300 to 600 ms.
  expect(Date.now() - begun).toBeGreaterThanOrEqual(600);
});
