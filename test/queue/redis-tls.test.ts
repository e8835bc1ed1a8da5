import { QueueEvents, Worker } from "bullmq";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { openBroker } from "../../src/queue/broker.ts";
import { makeAuthority, type Pair } from "../support/certificate.ts";
import { startTlsProxy } from "../support/tls-proxy.ts";

const { ca, pairs } = makeAuthority(1, -1);
const [good, expired] = pairs as [Pair, Pair];
const plainPort = Number(new URL(inject("redisUrl")).port);

let proxy: Awaited<ReturnType<typeof startTlsProxy>>;
beforeAll(async () => {
  proxy = await startTlsProxy(plainPort, good);
});
afterAll(() => proxy.close());

test("for commands, for BullMQ's own connections, and by URL", async () => {
  const broker = await openBroker({ redis: { port: proxy.port, ca, tls: true } });
  const connection = broker.duplicate();
  const before = proxy.connections();
  const worker = new Worker("tls", async () => "done", { connection, prefix: broker.keys.at("").prefix });
  const events = new QueueEvents("tls", {
    connection: broker.duplicate(),
    prefix: broker.keys.at("").prefix,
  });
  await events.waitUntilReady();
  const job = await broker.queue("tls").add("x", {});
  expect(await job.waitUntilFinished(events, 10_000)).toBe("done");
  // The two that are made here, and the one that BullMQ made of the worker's to wait on.
  expect(proxy.connections() - before).toBeGreaterThanOrEqual(3);
  await Promise.all([worker.close(), events.close()]);
  await broker.close();
  const byUrl = await openBroker({ redis: { url: `rediss://127.0.0.1:${proxy.port}`, ca } });
  await byUrl.close();
});

/** What is said, and after how many milliseconds, by one that would wait for ever. */
async function refusalOf(redis: Parameters<typeof openBroker>[0]["redis"]) {
  const begun = Date.now();
  const error = await openBroker({ redis }).catch((thrown) => thrown);
  expect(error).toMatchObject({ code: "REDIS_UNAVAILABLE" });
  return { hint: error.hint as string, message: error.message as string, took: Date.now() - begun };
}

test.each<[string, () => Parameters<typeof refusalOf>[0], string]>([
  ["no authority", () => ({ port: proxy.port, tls: true }), "name the certificate of the authority"],
  [
    "another authority",
    () => ({ port: proxy.port, tls: true, ca: makeAuthority().ca }),
    "REDIS_CA_FILE did not sign",
  ],
  [
    "another host's name",
    () => ({ host: "localhost", port: proxy.port, tls: true, ca }),
    "by a name or address",
  ],
])("with %s it ends at once and says what to do", async (_what, redis, words) => {
  const { hint, took } = await refusalOf(redis());
  expect(hint).toContain(words);
  expect(took).toBeLessThan(10_000);
});

test("with a certificate whose time is over, too", async () => {
  const old = await startTlsProxy(plainPort, expired);
  expect((await refusalOf({ port: old.port, tls: true, ca })).hint).toContain(
    "renew the certificate of Redis",
  );
  await old.close();
});

test.each([
  [
    "no TLS to a port that speaks it",
    () => ({ port: proxy.port }),
    "as one does that speaks TLS (REDIS_TLS=true",
  ],
  [
    "TLS to a port that does not",
    () => ({ port: plainPort, tls: true, ca }),
    "does not speak it on this port",
  ],
])("%s is told while it waits, and when that ends", async (_what, redis, words) => {
  const reasons: string[] = [];
  const onWaiting = (reason: string) => void reasons.push(reason);
  const opening = openBroker({ redis: redis(), onWaiting, connectDeadline: 7000 });
  await expect(opening).rejects.toMatchObject({ message: expect.stringContaining(words) });
  expect(reasons.at(-1)).toContain(words);
});
