import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../../support/eventually.ts";
import { allowLastMoments } from "../accounts.ts";
import type { Fault } from "../fault.ts";
import { openWorld } from "../world.ts";

/** A deploy of new workers while the old ones drain, with Redis gone before, during and after. */
export const deployInTheMiddle: Fault = {
  name: "deploy-in-the-middle",
  title:
    "A deploy (old workers drain while new ones start) with Redis paused, killed and restarted around it",
  promise: "once",
  rounds: { quick: 1, long: 20 },
  async run(round) {
    const { random, quick } = round;
    const world = await openWorld(round, { environment: { WORKER_SHUTDOWN_TIMEOUT: "5s" } });
    const deaths: number[] = [];
    const restart = async () => {
      // What was written is in the kernel's hands; but Redis puts writes off while a sync runs, and answers all the same.
      deaths.push(Date.now());
      await world.redis.kill();
      await sleep(random.whole(0, 1000), undefined, { signal: round.signal });
      await world.redis.restart();
    };
    try {
      await Promise.all([world.worker(), world.worker()]);
      const load = world.load({ perSecond: 40 });
      const deploys = quick ? 1 : 3;
      for (let deploy = 1; deploy <= deploys; deploy += 1) {
        await sleep(random.whole(500, 2000), undefined, { signal: round.signal });
        await restart();
        const old = world.workers();
        const started = Promise.all([world.worker(), world.worker()]);
        await sleep(random.whole(0, 1000), undefined, { signal: round.signal });
        const drained = Promise.all(old.map((worker) => worker.stop()));
        world.redis.pause();
        await sleep(random.whole(500, 2500), undefined, { signal: round.signal });
        world.redis.resume();
        await Promise.all([started, drained]);
        const unclean = old.filter(({ process }) => process.exitCode !== 0);
        if (unclean.length > 0)
          throw new Error(`a worker did not drain: ${unclean[0]?.output().slice(-2000)}`);
        await restart();
        round.say(`deployed ${deploy} of ${deploys}`);
      }
      const before = load.acknowledged();
      await eventually("calls are taken again", () => load.acknowledged() > before + 50, 60_000);
      const books = allowLastMoments(await world.settle(), deaths);
      return { ...books, notes: { ...books.notes, deploys } };
    } finally {
      await world.close();
    }
  },
};
