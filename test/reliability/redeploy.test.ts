/** A deployment under load in miniature: workers are replaced one after another while jobs come and go. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { QueueName } from "../../src/task/queue-names.ts";
import { catalogue, ledgerName } from "../support/ledger-catalogue.ts";
import { createWorld, eventually, type WorkerProcess, type World } from "../support/world.ts";

let world: World;
beforeEach(async () => {
  world = await createWorld({ client: { catalogue } });
});
afterEach(() => world.close());

/** As on the server: a process for each queue. */
const slots: readonly (readonly [QueueName, number])[] = [
  ["ml", 2],
  ["data", 4],
  ["default", 4],
];
const perSecond = 30;

/** Keeps on enqueueing until it is told to end; resolves to the ids. */
async function load(over: AbortSignal): Promise<string[]> {
  const ids: string[] = [];
  const began = Date.now();
  while (!over.aborted) {
    const due = Math.floor(((Date.now() - began) * perSecond) / 1000) - ids.length;
    const calls = Array.from({ length: Math.max(0, due) }, (_, index) => {
      const number = ids.length + index;
      const [queue] = slots[number % slots.length] as (typeof slots)[number];
      // One in thirty takes three seconds.
      return {
        task: "test.entry",
        input: { milliseconds: number % 31 === 0 ? 3000 : 0 },
        options: { queue },
      };
    });
    if (calls.length > 0) ids.push(...(await world.client.enqueueMany(calls as never)).map(({ id }) => id));
    await sleep(20);
  }
  return ids;
}

function start(queue: QueueName, concurrency: number, timeout: string): Promise<WorkerProcess> {
  return world.workerProcess({
    WORKER_NAME: queue,
    WORKER_QUEUES: queue,
    [`${queue.toUpperCase()}_CONCURRENCY`]: String(concurrency),
    WORKER_SHUTDOWN_TIMEOUT: timeout,
    WORKER_LOCK_DURATION: "30s",
    RESULT_COUNT: "100000",
    LOVAGE_TEST_CATALOGUE: new URL("../support/ledger-catalogue.ts", import.meta.url).href,
  });
}

test.each([
  ["jobs that run finish before their worker goes", "2m", 3],
  ["jobs that run longer than their worker may wait are handed back and begin anew", "1s", 2],
])(
  "under load, %s; each is done once, none fails, none counts as stalled",
  async (_what, timeout, rounds) => {
    const workers = await Promise.all(
      slots.map(([queue, concurrency]) => start(queue, concurrency, timeout)),
    );
    const over = new AbortController();
    const loading = load(over.signal);
    const logs: string[] = [];
    for (let round = 0; round < rounds; round += 1) {
      for (const [index, [queue, concurrency]] of slots.entries()) {
        const worker = workers[index] as WorkerProcess;
        await worker.stop();
        logs.push(worker.output());
        expect(worker.process.exitCode).toBe(0);
        workers[index] = await start(queue, concurrency, timeout);
      }
    }
    over.abort();
    const ids = await loading;
    await eventually("all are done", async () =>
      (await world.client.inspect.queues()).every((queue) => queue.waiting + queue.active === 0),
    );
    logs.push(...workers.map((worker) => worker.output()));

    const lines = readFileSync(join(world.datasetsDir, ledgerName), "utf8").trim().split("\n");
    const times = (what: string) => {
      const counts = new Map<string, number>(ids.map((id) => [id, 0]));
      for (const line of lines) {
        const [kind, id = ""] = line.split(" ");
        if (kind === what) counts.set(id, (counts.get(id) ?? 0) + 1);
      }
      return counts;
    };
    const ends = [...times("end")];
    expect(ends).toHaveLength(ids.length);
    expect(ends.filter(([, count]) => count !== 1)).toEqual([]);
    const again = [...times("begin")].filter(([, count]) => count > 1);
    const handedBack = logs.join("").match(/"handed back"/g)?.length ?? 0;
    expect(again.reduce((sum, [, count]) => sum + count - 1, 0)).toBe(handedBack);
    expect(handedBack > 0).toBe(timeout === "1s");
    expect(new Set(lines.map((line) => line.split(" ")[2]))).toEqual(new Set(["1"]));
    expect(logs.join("")).not.toMatch(/fell silent|"level":(50|60)/);
    for (const [queue] of slots) {
      expect(await world.broker.queue(queue).getFailedCount()).toBe(0);
      const jobs = await world.broker.queue(queue).getJobs(["completed"]);
      expect(jobs.filter((job) => job.stalledCounter > 0 || job.attemptsMade !== 1)).toEqual([]);
    }
    const completed = await Promise.all(
      slots.map(([queue]) => world.broker.queue(queue).getCompletedCount()),
    );
    expect(completed.reduce((sum, count) => sum + count, 0)).toBe(ids.length);
  },
  240_000,
);
