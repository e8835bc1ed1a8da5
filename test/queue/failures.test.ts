import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, inject, test } from "vitest";
import * as z from "zod";
import { createCatalogue, defineTask, LovageError } from "#task";
import { openBroker } from "../../src/queue/broker.ts";
import { jobFields } from "../../src/queue/keys.ts";
import { addJobs, prepareJob } from "../../src/queue/producer.ts";
import type { Crash } from "../support/crash-proxy.ts";
import { startLife } from "../support/mortal-worker.ts";

interface Way {
  attempts: number;
  /** Milliseconds. */
  backoff: number;
}

/** What is known of a job whose worker died at a command; undefined: it had nothing left to do before that. */
async function failWith({ attempts, backoff }: Way, crash: Crash) {
  const world = { redis: inject("redisUrl"), prefix: `failures-${randomUUID().slice(0, 8)}` };
  const broker = await openBroker({ redis: { url: world.redis, prefix: world.prefix } });
  const life = await startLife(world, crash, (alive) =>
    createCatalogue([
      defineTask({
        name: "test.fails",
        queue: "default",
        input: z.strictObject({}),
        output: z.null(),
        retry: { attempts, backoff },
        async run() {
          alive();
          throw new LovageError("TEST_FAILS", "as always", { retryable: true });
        },
      }),
    ]),
  );
  try {
    const target = { name: "test.fails", queue: "default", retry: { attempts, backoff } };
    await addJobs(broker, [prepareJob(target, {}, { id: "one" })]);
    const key = broker.keys.job("default", "one");
    const read = () => broker.redis.hmget(key, "failedReason", jobFields.error, "finishedOn", "atm");
    const isOver = async () => {
      const [, , finishedOn, made] = await read();
      return typeof finishedOn === "string" || (backoff > 1000 && made === "1");
    };
    while (!life.proxy.crashing.aborted) {
      if (await isOver()) break;
      await sleep(3);
    }
    const crashed = life.proxy.crashing.aborted;
    if (crashed) await life.proxy.crashed;
    const [reason, record, finishedOn] = await read();
    return { crashed, last: life.proxy.commands.at(-1), reason, record, finishedOn };
  } finally {
    await life.end();
    for await (const keys of broker.redis.scanStream({ match: `${world.prefix}:*`, count: 1000 }))
      if (keys.length > 0) await broker.redis.unlink(...keys);
    await broker.close();
  }
}

test.each<[string, Way]>([
  ["for good", { attempts: 1, backoff: 0 }],
  ["until later", { attempts: 2, backoff: 3_600_000 }],
  ["twice in a row", { attempts: 2, backoff: 0 }],
])(
  "a job that fails has its code whenever it has a reason, wherever its worker dies: %s",
  async (_what, way) => {
    const found: { reason: unknown; record: unknown }[] = [];
    for (let at = 10; ; at += 1) {
      const { crashed, last, reason, record } = await failWith(way, { at, carriedOut: at % 2 === 0 });
      if (typeof reason === "string") expect(record, last).toContain("TEST_FAILS");
      else expect(record, last).toBeNull();
      found.push({ reason, record });
      if (!crashed) break;
    }
    expect(found.some(({ reason }) => reason === null)).toBe(true);
    expect(found.at(-1)?.reason).toBe("TEST_FAILS: as always");
  },
);
