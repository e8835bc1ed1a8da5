import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Client, createClient } from "#client";
import type { Books } from "./books.ts";
import type { Round } from "./fault.ts";
import type { FloodTasks } from "./flood-catalogue.ts";
import { watchMemory } from "./resident.ts";
import { type ChaosWorld, openWorld, prefix } from "./world.ts";

/** How many lines of a log the flooded worker keeps. */
export const keptLines = 1000;

/** Megabytes that the worker may grow by; a flood that is held in memory is hundreds. */
const mostOfWorker = 150;
/** The same of Redis, which keeps the ends and logs of some hundred jobs. */
const mostOfRedis = 20;

/** What came of a flood. */
interface Flooded {
  /** How many jobs made it; all of them completed, or `wrong` says so. */
  jobs: number;
  wrong: string[];
  notes: Record<string, number>;
}

/** Lets a worker's own tasks flood it and Redis, with the usual load beside them, and holds both to bounded memory. */
export async function floodWorker(
  round: Round,
  flood: (client: Client<FloodTasks>, world: ChaosWorld) => Promise<Flooded>,
): Promise<Books> {
  const world = await openWorld(round, {
    environment: {
      LOVAGE_TEST_CATALOGUE: fileURLToPath(new URL("flood-catalogue.ts", import.meta.url)),
      DEFAULT_CONCURRENCY: "20",
      JOB_LOG_LINES: String(keptLines),
    },
  });
  const client = createClient<FloodTasks>({ redis: { url: world.redis.url, prefix } });
  let timer: NodeJS.Timeout | undefined;
  try {
    const worker = await world.worker();
    // What the first job brings into memory is no flood's.
    const first = await client.enqueue("chaos.report", { perSecond: 10, seconds: 0.1, awaited: true });
    await first.result({ timeout: "30s" });
    const resident = watchMemory(worker.process.pid ?? 0);
    const before = { worker: 0, redis: 0 };
    const most = { worker: 0, redis: 0 };
    const look = async () => {
      // Of Linux alone.
      if (existsSync("/proc/self/status")) resident.sample();
      most.worker = Math.max(most.worker, resident.last());
      most.redis = Math.max(most.redis, await usedMemory(world));
    };
    await look();
    Object.assign(before, most);
    timer = setInterval(() => void look().catch(() => {}), 200);
    world.load({ perSecond: 10 });
    const { jobs, wrong, notes } = await flood(client, world);
    await look();
    clearInterval(timer);
    if (most.worker - before.worker > mostOfWorker) wrong.push(`the worker grew to ${most.worker} MB`);
    if (most.redis - before.redis > mostOfRedis) wrong.push(`Redis grew to ${most.redis} MB`);
    const accounts = await world.settle();
    for (const text of wrong.slice(0, 10)) round.say(text);
    return {
      ...accounts,
      enqueued: accounts.enqueued + jobs + 1,
      completed: accounts.completed + jobs + 1,
      lost: accounts.lost + wrong.length,
      notes: {
        ...accounts.notes,
        ...notes,
        workerMBBefore: before.worker,
        workerMBMost: most.worker,
        redisMBBefore: before.redis,
        redisMBMost: most.redis,
        ...(wrong[0] !== undefined && { wrong: wrong[0] }),
      },
    };
  } finally {
    clearInterval(timer);
    await client.close();
    await world.close();
  }
}

/** Megabytes. */
async function usedMemory({ broker }: ChaosWorld): Promise<number> {
  const told = /^used_memory:(\d+)/m.exec(await broker.redis.info("memory"))?.[1];
  return Math.round(Number(told) / 1024 / 1024);
}
