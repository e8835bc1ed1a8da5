import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EnqueueOptions } from "#client";
import { callerSides } from "../support/sides.ts";
import type { World } from "../support/world.ts";

describe.each(callerSides)("over %s", (_side, { createWorld }) => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld();
  });
  afterAll(() => world.close());

  const circle: Record<string, unknown> = {};
  circle["self"] = circle;

  test.each<[string, unknown, string]>([
    ["an unknown option", { prioritty: 3 }, "prioritty"],
    ["delay and at", { delay: "1s", at: new Date() }, "at"],
    ["no moment", { at: "tomorrow" }, "at"],
    ["no expiry", { expires: "soon" }, "expires"],
    ["no queue", { queue: "fast" }, "queue"],
    ["no attempts", { attempts: 0 }, "attempts"],
    ["no back-off", { backoff: -1 }, "backoff"],
    ["soft over hard", { softTimeLimit: "2s", timeLimit: "1s" }, "softTimeLimit"],
    ["tags that are none", { tags: "urgent" }, "tags"],
    ["an empty tag", { tags: [""] }, "tags"],
    ["metadata that is none", { metadata: [1] }, "metadata"],
    ["metadata in a circle", { metadata: circle }, "metadata"],
    ["metadata that is large", { metadata: { text: "x".repeat(17_000) } }, "metadata"],
    ["no confirmation", { confirm: "tape" }, "confirm"],
    ["a next task that is none", { onSuccess: { task: 5 } }, "onSuccess.task"],
    ["an unknown next task", { onFailure: { task: "test.nothing" } }, "onFailure.task"],
    [
      "an input that the next task refuses",
      { onSuccess: { task: "test.echo", input: { text: 5 } } },
      "onSuccess.input.text",
    ],
  ])("%s is refused before anything is sent", async (_what, options, field) => {
    const before = await world.broker.queue("default").getJobCounts();
    await expect(world.client.enqueue("test.echo", {}, options as EnqueueOptions)).rejects.toMatchObject({
      field,
    });
    expect(await world.broker.queue("default").getJobCounts()).toEqual(before);
  });

  test("an input that JSON cannot hold is refused", async () => {
    const input = { text: 5n as never };
    await expect(world.client.enqueue("test.echo", input)).rejects.toMatchObject({ code: "INPUT_INVALID" });
  });

  test("a next task whose input is still to come is not judged yet", async () => {
    const job = await world.client.enqueue(
      "test.echo",
      {},
      { onSuccess: { task: "test.echo", input: {}, into: "text" }, onFailure: { task: "test.echo" } },
    );
    expect(await job.state()).toBe("waiting");
  });

  test("at a moment, on another queue, within an expiry", async () => {
    const at = new Date(Date.now() + 3_600_000);
    const job = await world.client.enqueue(
      "test.echo",
      {},
      { at: at.toISOString(), queue: "data", expires: "2h" },
    );
    expect(job.queue).toBe("data");
    expect(await job.state()).toBe("scheduled");
    const score = await world.broker.redis.zscore(`${world.prefix}:data:delayed`, job.id);
    expect(Math.abs(Math.floor(Number(score) / 0x1000) - at.getTime())).toBeLessThan(1000);
  });

  test("3,000 calls in one list are 3,000 jobs, in order", async () => {
    const calls = Array.from(
      { length: 3000 },
      (_, index) => ({ task: "test.echo", input: { text: `${index}` } }) as const,
    );
    const before = await world.broker.queue("default").getJobCountByTypes("wait");
    const jobs = await world.client.enqueueMany(calls);
    expect(await world.broker.queue("default").getJobCountByTypes("wait")).toBe(before + 3000);
    expect((await jobs[2999]?.snapshot())?.input).toEqual({ text: "2999" });
    expect(await world.client.enqueueMany([])).toEqual([]);
  });

  test("calls of one tick, before there is a connection: each has its own job or its own error", async () => {
    const own = await createWorld();
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => void warnings.push(warning);
    process.on("warning", onWarning);
    const calls = Array.from({ length: 200 }, (_, index) =>
      own.client.enqueue(
        "test.echo",
        { text: (index === 7 ? 7 : `${index}`) as string },
        { id: `call-${index}` },
      ),
    );
    const outcomes = await Promise.allSettled(calls);
    process.off("warning", onWarning);
    expect(outcomes.flatMap(({ status }, index) => (status === "rejected" ? [index] : []))).toEqual([7]);
    expect(await own.broker.queue("default").getJobCountByTypes("wait")).toBe(199);
    expect(warnings).toEqual([]);
    await own.close();
  });
});
