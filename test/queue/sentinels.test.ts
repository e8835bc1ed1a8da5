import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createClient } from "#client";
import { openBroker } from "../../src/queue/broker.ts";
import { testCatalogue } from "../support/catalogue.ts";
import { type OwnSentinel, startOwnSentinel } from "../support/own-sentinel.ts";
import { eventually } from "../support/world.ts";

let redis: OwnSentinel;
beforeAll(async () => {
  redis = await startOwnSentinel();
});
afterAll(() => redis?.remove());

test("the address that people read names the master and the sentinels, and no password", async () => {
  const broker = await openBroker({ redis: redis.settings });
  const [first] = redis.sentinels;
  expect(broker.address).toContain(`test-master (sentinels 127.0.0.1:${first?.port}, `);
  expect(broker.address).not.toContain(redis.password);
  await broker.close();
});

test.each([
  ["a name that they do not know", { sentinelName: "other" }, /REDIS_SENTINEL_NAME/],
  [
    "a wrong password of theirs",
    { sentinelPassword: "wrong" },
    /REDIS_SENTINEL_USERNAME and REDIS_SENTINEL_PASSWORD/,
  ],
  ["nobody who listens", { sentinels: [{ host: "127.0.0.1", port: 9 }] }, /that the sentinels run/],
  ["a wrong password of Redis", { password: "wrong" }, /REDIS_USERNAME and REDIS_PASSWORD/],
])("%s is told with what to do", async (_what, other, hint) => {
  const opening = openBroker({ redis: { ...redis.settings, ...other }, connectDeadline: 3000 });
  await expect(opening).rejects.toMatchObject({
    code: "REDIS_UNAVAILABLE",
    hint: expect.stringMatching(hint),
  });
});

test.each([
  ["no name", { sentinels: [{ host: "a", port: 1 }] }, "sentinelName"],
  ["no sentinels", { sentinelName: "mymaster" }, "sentinels"],
  ["a URL as well", { url: "redis://a", sentinels: [{ host: "a", port: 1 }], sentinelName: "m" }, "url"],
])("settings with %s are refused", async (_what, settings, field) => {
  await expect(openBroker({ redis: settings })).rejects.toMatchObject({ code: "INPUT_INVALID", field });
});

test("a connection that hears of a failover while it asks for the master asks once more", async () => {
  const broker = await openBroker({ redis: redis.settings });
  // BullMQ makes its own of what it is given.
  const further = broker.redis.duplicate({ lazyConnect: false });
  await further.ping();
  for (const connection of [broker.redis, further]) {
    const { stream, connector } = connection as unknown as {
      stream: { destroy(): void };
      connector: { failoverDetector: { disconnect(): void } };
    };
    const asks = once(connection, "connecting");
    stream.destroy();
    await asks;
    // What ioredis does when a sentinel tells of one.
    connector.failoverDetector.disconnect();
    expect(await connection.ping()).toBe("PONG");
  }
  further.disconnect();
  await broker.close();
});

test("a call waits for the replica; without one it is refused before the job is made", async () => {
  const client = createClient({ redis: redis.settings, catalogue: testCatalogue, timeout: "5s" });
  const enqueue = (id: string) => client.enqueue("test.echo", { text: id }, { id, confirm: "replica" });
  await enqueue("kept");
  const master = await redis.master();
  const replica = redis.servers.find(({ port }) => port !== master.port);
  // It is there, and says nothing: what it has cannot be known.
  replica?.pause();
  await expect(enqueue("unsure")).rejects.toMatchObject({ code: "NOT_DURABLE", value: ["unsure"] });
  replica?.resume();
  await replica?.kill();
  const admin = redis.admin();
  await eventually("the master knows that it has no replica", async () =>
    (await admin.info("replication")).includes("connected_slaves:0"),
  );
  await expect(enqueue("none")).rejects.toMatchObject({ code: "NOT_DURABLE", value: "replica" });
  await expect(client.get("none")).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
  expect(await (await client.get("unsure")).state()).toBe("waiting");
  admin.disconnect();
  await client.close();
});
