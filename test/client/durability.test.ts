import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startOwnRedis } from "../support/own-redis.ts";
import { callerSides } from "../support/sides.ts";
import type { World } from "../support/world.ts";

describe.each(callerSides)("over %s", (_side, { createWorld, told }) => {
  let redis: Awaited<ReturnType<typeof startOwnRedis>>;
  let world: World;
  beforeAll(async () => {
    redis = await startOwnRedis();
    world = await createWorld({ redisUrl: redis.url, client: { timeout: "2s" } });
  });
  afterAll(async () => {
    await world.close();
    await redis.remove();
  });

  test("a job that was confirmed on disk outlives a crash of Redis", async () => {
    const job = await world.client.enqueue("test.echo", { text: "kept" }, { confirm: "disk" });
    await redis.kill();
    await redis.restart();
    expect((await job.snapshot()).input).toEqual({ text: "kept" });
    const again = await world.client.enqueue(
      "test.echo",
      {},
      { id: "x", confirm: "disk", idempotencyKey: "k" },
    );
    const same = await world.client.enqueue("test.echo", {}, { confirm: "disk", idempotencyKey: "k" });
    expect(same.id).toBe(again.id);
  });

  test("a disk that is not confirmed in time says which job may exist", async () => {
    await world.client.enqueue("test.echo", {}, { confirm: "disk" });
    // Never synced by Redis itself, so nothing can be confirmed.
    await world.broker.redis.config("SET", "appendfsync", "no");
    const error = await world.client
      .enqueue("test.echo", {}, { id: "unsure", confirm: "disk" })
      .catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "NOT_DURABLE", value: told(["unsure"]) });
    expect(await (await world.client.get("unsure")).state()).toBe("waiting");
    await world.broker.redis.config("SET", "appendfsync", "everysec");
  });

  test("other calls do not wait for the disk", async () => {
    await world.broker.redis.config("SET", "appendfsync", "no");
    const slow = world.client.enqueue("test.echo", {}, { confirm: "disk" }).catch((error) => error.code);
    const first = await Promise.race([slow, world.client.enqueue("test.echo", {}, { id: "quick" })]);
    expect(first).toMatchObject({ id: "quick" });
    await world.broker.redis.config("SET", "appendfsync", "everysec");
    await slow;
  });

  test("a Redis without an append-only file is refused before the job is made", async () => {
    const plain = await startOwnRedis({ appendOnly: false });
    const other = await createWorld({ redisUrl: plain.url });
    const call = other.client.enqueue("test.echo", {}, { id: "none", confirm: "disk" });
    await expect(call).rejects.toMatchObject({
      code: "NOT_DURABLE",
      hint: expect.stringContaining("appendonly yes"),
    });
    await expect(other.client.get("none")).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
    await other.close();
    await plain.remove();
  });

  test("a Redis that does not know WAITAOF says which one does", async () => {
    const { requireConfirmation } = await import("../../src/queue/durability.ts");
    const old = {
      call: async () => {
        throw Object.assign(new Error("ERR unknown command 'WAITAOF', with args beginning with: '1'"), {
          name: "ReplyError",
        });
      },
    };
    await expect(requireConfirmation(old as never, "disk")).rejects.toMatchObject({
      code: "NOT_DURABLE",
      hint: expect.stringContaining("7.2"),
    });
  });
});
