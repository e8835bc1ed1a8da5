import { afterAll, beforeAll, expect, test } from "vitest";
import { group, signature } from "#client";
import { openBroker } from "../../src/queue/broker.ts";
import { publishManifests } from "../../src/queue/manifests.ts";
import { describeTask } from "../../src/task/manifest.ts";
import { testCatalogue } from "../support/catalogue.ts";
import { makeCertificate } from "../support/certificate.ts";
import { type OwnCluster, startOwnCluster } from "../support/own-cluster.ts";
import { eachNode } from "../support/redis-users.ts";
import { createWorld, type World } from "../support/world.ts";

const shards = 3;

let cluster: OwnCluster;
let world: World;
beforeAll(async () => {
  const tls = makeCertificate();
  cluster = await startOwnCluster({ tls });
  const ownCluster = { cluster: cluster.addresses, tls: true, ca: tls.ca };
  world = await createWorld({ ownCluster, shards, callsOnly: true });
  const worker = await openBroker({ redis: world.users.worker });
  await publishManifests(worker, testCatalogue.tasks.map(describeTask));
  await worker.close();
});
afterAll(async () => {
  await world?.close();
  await cluster?.remove();
});

/** An id in each shard. */
function idsInAllShards(what: string): string[] {
  const found = new Map<number, string>();
  for (let number = 0; found.size < shards; number += 1)
    found.set(world.broker.keys.shardOf(`${what}-${number}`), `${what}-${number}`);
  return [...found.values()];
}

test("what the users need of a cluster is what the documentation gives them", async () => {
  const { client } = world;
  for (const node of eachNode(world.broker.redis)) await node.acl("LOG", "RESET");
  const running = await world.worker({ queues: ["default", "data"] });

  // Two queues in all shards, of which every master has one.
  const plain = await Promise.all(
    idsInAllShards("plain").flatMap((id) => [
      client.enqueue("test.echo", { text: id }, { id }),
      client.enqueue("test.echo", { text: id }, { id: `${id}.data`, queue: "data" }),
    ]),
  );
  for (const job of plain)
    expect(await job.result({ timeout: "20s" })).toMatchObject({ text: job.id.replace(".data", "") });

  const delayed = await client.enqueue("test.echo", { text: "later", seconds: 0.5 }, { delay: "500ms" });
  const told = new Set<string>();
  for await (const event of delayed.events()) told.add(event.type);
  expect([...told]).toEqual(expect.arrayContaining(["progress", "completed"]));
  const deduplication = { key: "once", mode: "throttle", ttl: "1h" } as const;
  const first = await client.enqueue("test.echo", { text: "first" }, { deduplication });
  const second = await client.enqueue("test.echo", { text: "second" }, { deduplication });
  expect(second.id).toBe(first.id);
  const keyed = await client.enqueue("test.echo", { text: "keyed" }, { idempotencyKey: "one" });
  expect((await client.enqueue("test.echo", { text: "keyed" }, { idempotencyKey: "one" })).id).toBe(keyed.id);
  const sums = await client.start(
    group([1, 2, 3].map((number) => signature("test.add", { numbers: [number, 1] }))),
  );
  expect(await sums.result({ timeout: "20s" })).toEqual([2, 3, 4]);
  for (const job of [delayed, first, keyed])
    expect(await job.result({ timeout: "20s" })).toMatchObject({ attempt: 1 });
  const waiting = await client.enqueue("test.echo", {}, { delay: "1h" });
  expect(await waiting.cancel()).toBe("cancelled");
  expect((await client.search({ task: "test.add" })).jobs).toHaveLength(3);

  await running.stop();
  for (const node of eachNode(world.broker.redis)) expect(await node.acl("LOG")).toEqual([]);
});

test("the user client is refused what only a worker may do, on every node", async () => {
  const client = await openBroker({ redis: world.users.client });
  for (const { keys } of client.shards)
    await expect(client.redis.del(keys.meta("default"))).rejects.toMatchObject({
      code: "REDIS_FORBIDDEN",
      value: `client-${world.prefix}`,
    });
  await expect(client.redis.set(client.keys.layout, "1")).rejects.toMatchObject({ code: "REDIS_FORBIDDEN" });
  await client.close();
});

test("without the authority's certificate it ends at once and says what to do", async () => {
  const { ca: _left, ...redis } = world.redis;
  await expect(openBroker({ redis, connectDeadline: 20_000 })).rejects.toMatchObject({
    code: "REDIS_UNAVAILABLE",
    hint: expect.stringContaining("name the certificate of the authority"),
  });
});
