import type { Fault } from "../fault.ts";
import { floodWorker } from "../flooded.ts";
import type { ChaosWorld } from "../world.ts";

const perSecond = 10_000;

/** More writes a second than a job's progress is worth. */
const mostWrites = 15;

/** Tasks that report their progress ten thousand times a second. */
export const progressFlood: Fault = {
  name: "progress-flood",
  title: "Tasks report progress ten thousand times a second, while their progress is watched",
  promise: "once",
  rounds: { quick: 1, long: 20 },
  run: (round) =>
    floodWorker(round, async (client, world) => {
      const seconds = round.quick ? 2 : 10;
      const wrong: string[] = [];
      const notes = { reports: 0, progressWrites: 0, watched: 0 };
      const floods = [true, false].map(async (awaited) => {
        const job = await client.enqueue("chaos.report", { perSecond, seconds, awaited });
        const begun = performance.now();
        const seen = (await Array.fromAsync(job.progress())).map(({ message }) => Number(message));
        const { told } = await job.result({ timeout: "60s" });
        const took = (performance.now() - begun) / 1000;
        const { progress } = await job.snapshot();
        const written = await writesOf(world, job.id);
        if (progress?.message !== String(told))
          wrong.push(`of ${told} reports ${progress?.message} was kept`);
        if (seen.at(-1) !== told) wrong.push(`of ${told} reports ${seen.at(-1)} was the last one seen`);
        if (seen.some((value, at) => value <= (seen[at - 1] ?? 0)))
          wrong.push("progress was seen out of order");
        if (written > took * mostWrites + 5) wrong.push(`${written} writes in ${took} s`);
        notes.reports += told;
        notes.progressWrites += written;
        notes.watched += seen.length;
      });
      await Promise.all(floods);
      return { jobs: floods.length, wrong, notes };
    }),
};

/** How often a job's progress was written, by the events that each write makes. */
async function writesOf({ broker }: ChaosWorld, id: string): Promise<number> {
  const entries = await broker.redis.xrange(broker.keys.at(id).events("default"), "-", "+");
  return entries.filter(([, fields]) => fields.includes("progress") && fields.includes(id)).length;
}
