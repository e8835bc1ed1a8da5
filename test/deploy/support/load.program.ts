/**
 * Runs on the laptop: enqueues jobs of the ledger as the user that may do no more than that, until it is told to stop by
 * TERM; then waits for all results and prints what became of the jobs as JSON.
 *   REDIS_URL=… node load.program.ts PER_SECOND RAY_JOBS
 */
import { setTimeout as sleep } from "node:timers/promises";
import { createClient, type JobHandle } from "../../../src/client/index.ts";

const [perSecond = 10, rayJobs = 0] = process.argv.slice(2).map(Number);
const redis = process.env["REDIS_URL"] ?? "";
const client = createClient({ redis, timeout: "60s", onError: () => {} });
const begun = Date.now().toString(36);
const handles: { name: string; job: JobHandle<unknown> }[] = [];
let stopped = false;
process.once("SIGTERM", () => {
  stopped = true;
});

for (let n = 0; n < rayJobs; n += 1) await enqueue("tasks.lab.ray_ledger", `ray-${begun}-${n}`, 30);
process.stderr.write("under load\n");
for (let n = 0; !stopped; n += 1) {
  // Most are over at once; every tenth is at work for a while, so that some run whenever a worker is told to stop.
  await enqueue("tasks.lab.ledger", `job-${begun}-${n}`, n % 10 === 0 ? 2 : 0);
  await sleep(1000 / perSecond);
}

const ends = await Promise.all(
  handles.map(async ({ name, job }) => {
    try {
      await job.result({ timeout: "4m" });
      return { name, state: "completed" };
    } catch (error) {
      return { name, state: "failed", why: String(error) };
    }
  }),
);
process.stdout.write(JSON.stringify(ends));
await client.close();

async function enqueue(task: string, name: string, seconds: number): Promise<void> {
  // The same name is the same job, however often it has to be said while Redis is away.
  for (;;) {
    try {
      handles.push({
        name,
        job: await client.enqueue(task as never, { name, seconds } as never, { id: name }),
      });
      return;
    } catch (error) {
      process.stderr.write(`${name}: ${error}\n`);
      await sleep(500);
    }
  }
}
