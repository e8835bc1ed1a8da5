import { setTimeout as sleep } from "node:timers/promises";
import type { Fault } from "../fault.ts";
import { openWorld } from "../world.ts";

/** A task keeps its worker's event loop for longer than the lock, so that nobody renews the locks of the jobs beside it. */
export const eventLoopBlocked: Fault = {
  name: "event-loop-blocked",
  title: "A task blocks its worker's event loop for longer than the lock",
  promise: "once",
  rounds: { quick: 1, long: 20 },
  async run(round) {
    const { random, quick } = round;
    const world = await openWorld(round, { environment: { WORKER_LOCK_DURATION: "1s" } });
    try {
      await Promise.all([world.worker(), world.worker()]);
      const load = world.load({ perSecond: 30, longest: 200, mix: { deaf: 20, retried: 5, failing: 3 } });
      const blocks = quick ? 2 : 5;
      for (let block = 1; block <= blocks; block += 1) {
        await sleep(random.whole(500, 2000), undefined, { signal: round.signal });
        await load.call("blocking", { block: random.whole(3500, 5000) });
        round.say(`blocked ${block} of ${blocks}`);
      }
      await sleep(2000, undefined, { signal: round.signal });
      const accounts = await world.settle();
      return { ...accounts, notes: { ...accounts.notes, blocks } };
    } finally {
      await world.close();
    }
  },
};
