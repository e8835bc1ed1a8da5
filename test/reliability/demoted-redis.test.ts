/** A managed Redis fails over behind one address: connections stay, and lead to a server that is a replica now. */

import { connect } from "node:net";
import { Redis } from "ioredis";
import { expect, test } from "vitest";
import { startForward } from "../support/forward.ts";
import { startOwnRedis } from "../support/own-redis.ts";
import { createWorld, eventually } from "../support/world.ts";

/** One address before two servers: who connects gets to the one that is named at that moment. */
async function startSwitch(first: number) {
  let target = first;
  const { port, close } = await startForward(() => connect(target, "127.0.0.1"));
  return {
    url: `redis://127.0.0.1:${port}`,
    turn(other: number) {
      target = other;
    },
    close,
  };
}

test("workers, schedulers and clients leave a master that became a replica", async () => {
  const [one, other] = await Promise.all([startOwnRedis(), startOwnRedis()]);
  const [first, second] = [new Redis(one.url), new Redis(other.url)];
  const address = await startSwitch(one.port);
  const world = await createWorld({ redisUrl: address.url });
  try {
    // A managed server has its users on all of its nodes.
    for (const user of (await first.acl("LIST")) as string[])
      await second.call("ACL", "SETUSER", ...(user.slice("user ".length).match(/\([^)]*\)|\S+/g) ?? []));
    await second.replicaof("127.0.0.1", String(one.port));
    const worker = await world.workerProcess();
    const ticking = new URL("../support/ticking-catalogue.ts", import.meta.url).href;
    const scheduler = await world.workerProcess({ LOVAGE_TEST_CATALOGUE: ticking }, "scheduler-process.ts");
    const echo = async (text: string) => {
      const job = await world.client.enqueue("test.echo", { text });
      expect(await job.result({ timeout: "30s" })).toMatchObject({ text });
    };
    await echo("before");
    const info = (of: Redis) => of.info("replication");
    await eventually("the replica is level", async () =>
      (await info(second)).includes("master_link_status:up"),
    );

    await second.replicaof("NO", "ONE");
    address.turn(other.port);
    // No connection is closed: each learns of it by what it is answered.
    await first.replicaof("127.0.0.1", String(other.port));
    await eventually("the first is a replica", async () => (await info(first)).includes("role:slave"));
    await echo("after");
    await echo("after that");
    const events = () => second.xlen(world.broker.keys.at("").events("default"));
    const made = await events();
    await eventually("the scheduler fires into the new one", async () => (await events()) > made + 2);
    expect(worker.process.exitCode).toBe(null);
    expect(scheduler.process.exitCode).toBe(null);
  } finally {
    await world.close();
    await address.close();
    for (const redis of [first, second]) redis.disconnect();
    await Promise.all([one.remove(), other.remove()]);
  }
}, 180_000);
