import { readdirSync, statSync, truncateSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startOwnRedis } from "../support/own-redis.ts";
import { createWorld, eventually } from "../support/world.ts";

test("what a Redis that is loading says of its disk confirms nothing that the one before had in memory", async () => {
  const dir = await mkdtemp(join(tmpdir(), "lovage-loading-"));
  // Its start takes as long as the wait for the disk, and it answers questions meanwhile.
  const configuration = ["loading-process-events-interval-bytes 1024", "key-load-delay 2000"];
  const redis = await startOwnRedis({ dir, configuration });
  const world = await createWorld({ redisUrl: redis.url, client: { timeout: "30s" } });
  try {
    const { redis: asker } = world.broker;
    const filling = asker.pipeline();
    for (let at = 0; at < 1000; at += 1) filling.set(`filling:${at}`, "x".repeat(2000));
    await filling.exec();
    await asker.bgrewriteaof();
    await eventually("the file is rewritten", async () =>
      /aof_rewrite_in_progress:0\s+aof_rewrite_scheduled:0/.test(await asker.info("persistence")),
    );
    const folder = join(dir, "appendonlydir");
    const [file = ""] = readdirSync(folder).filter((name) => name.endsWith(".incr.aof"));
    const { size } = statSync(join(folder, file));

    const call = world.client.enqueue("test.echo", { text: "kept" }, { id: "late", confirm: "disk" });
    await eventually(
      "Redis has the job",
      async () => (await asker.exists(world.broker.keys.job("default", "late"))) === 1,
    );
    await redis.kill();
    // As a power cut leaves it.
    truncateSync(join(folder, file), size);
    await Promise.all([redis.restart(), call]);

    expect(await asker.exists(world.broker.keys.job("default", "late"))).toBe(1);
  } finally {
    await world.close();
    await redis.remove();
    await rm(dir, { recursive: true, force: true });
  }
});
