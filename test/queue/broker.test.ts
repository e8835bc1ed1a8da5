import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "node:tls";
import { QueueEvents, Worker } from "bullmq";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type LocalRedis, startValkey } from "../../src/dev/valkey.ts";
import { openBroker } from "../../src/queue/broker.ts";
import { redisAddress } from "../../src/queue/connection.ts";
import { makeCertificate } from "../support/certificate.ts";
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

test("a wrong password is said at once, even by who would wait for ever, and never printed", async () => {
  const error = await openBroker({ redis: { port: redis.port, password: "wr0ng" } }).catch(
    (thrown) => thrown,
  );
  expect(error).toMatchObject({ code: "REDIS_UNAVAILABLE", hint: expect.stringContaining("REDIS_PASSWORD") });
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

test("TLS with a CA of one's own, for commands, for workers' blocking connections and for a caller that waits", async () => {
  const { key, cert, ca } = makeCertificate();
  const tls = createServer({ key, cert }, (socket) => {
    const plain = connect(redis.port, "127.0.0.1");
    socket.pipe(plain).pipe(socket);
    const end = () => {
      socket.destroy();
      plain.destroy();
    };
    socket.on("error", end).on("close", end);
    plain.on("error", end).on("close", end);
  });
  await new Promise<void>((resolve) => tls.listen(0, "127.0.0.1", resolve));
  const { port } = tls.address() as AddressInfo;
  const redisWithTls = { port, password: "s3cr3t", ca, tls: true };
  const broker = await openBroker({ redis: redisWithTls });
  const worker = new Worker("tls", async () => "done", {
    connection: broker.duplicate(),
    prefix: broker.keys.prefix,
  });
  const events = new QueueEvents("tls", { connection: broker.duplicate(), prefix: broker.keys.prefix });
  await events.waitUntilReady();
  const job = await broker.queue("tls").add("x", {});
  expect(await job.waitUntilFinished(events, 10_000)).toBe("done");
  await Promise.all([worker.close(), events.close()]);
  await broker.close();

  const url = `rediss://:s3cr3t@127.0.0.1:${port}`;
  const byUrl = await openBroker({ redis: { url, ca } });
  await byUrl.close();
  const wary = openBroker({ redis: { url }, connectDeadline: 1500 });
  await expect(wary).rejects.toMatchObject({ code: "REDIS_UNAVAILABLE" });
  tls.close();
});
