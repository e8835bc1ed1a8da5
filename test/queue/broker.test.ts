import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type LocalRedis, startValkey } from "../../src/dev/valkey.ts";
import { openBroker } from "../../src/queue/broker.ts";
import { redisAddress } from "../../src/queue/connection.ts";
import { freePort } from "../support/free-port.ts";

let redis: LocalRedis;
let dir: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "lovage-broker-"));
  redis = await startValkey({ port: await freePort(), dir, password: "s3cr3t" });
});
afterAll(async () => {
  await redis.stop();
  rmSync(dir, { recursive: true, force: true });
});

test("a Redis that may evict is refused, and the message says how to mend it", async () => {
  const broker = await openBroker({ redis: redis.url });
  await broker.redis.config("SET", "maxmemory-policy", "allkeys-lru");
  await expect(openBroker({ redis: redis.url })).rejects.toMatchObject({
    code: "REDIS_POLICY",
    value: "allkeys-lru",
    hint: expect.stringContaining("CONFIG SET maxmemory-policy noeviction"),
  });
  await broker.redis.config("SET", "maxmemory-policy", "noeviction");
  const again = await openBroker({ redis: redis.url });
  await Promise.all([broker.close(), again.close()]);
});

test.each([
  ["password", { password: "wr0ng" }],
  ["user", { username: "nobody", password: "wr0ng" }],
])("a wrong %s is said at once, even by who would wait for ever, and never printed", async (_what, given) => {
  const error = await openBroker({ redis: { port: redis.port, ...given } }).catch((thrown) => thrown);
  const hint = expect.stringMatching(/REDIS_USERNAME.*REDIS_PASSWORD/);
  expect(error).toMatchObject({ code: "REDIS_UNAVAILABLE", hint });
  expect(JSON.stringify(error.toRecord())).not.toContain("wr0ng");
});

test("while Redis is away, who waits is told so every two seconds", async () => {
  const port = await freePort();
  const reasons: string[] = [];
  const opening = openBroker({
    redis: { port },
    connectDeadline: 2500,
    onWaiting: (reason) => reasons.push(reason),
  });
  await expect(opening).rejects.toMatchObject({ code: "REDIS_UNAVAILABLE" });
  expect(reasons).toEqual([expect.stringContaining("ECONNREFUSED")]);
});

test("an address is shown without its password", () => {
  expect(redisAddress({ url: "redis://user:s3cr3t@host:6380/2" })).toBe("host:6380/2");
  expect(redisAddress({ host: "h", port: 1, password: "s3cr3t" })).toBe("h:1");
});
