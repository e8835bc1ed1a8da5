import { setTimeout as sleep } from "node:timers/promises";
import type { Fault } from "../fault.ts";
import { openWorld } from "../world.ts";

/** Workers die with their jobs in their hands, one after another. */
export const workerKilled: Fault = {
  name: "worker-killed",
  title: "A worker is killed with -9 at random moments under load",
  promise: "once",
  rounds: { quick: 1, long: 20 },
  async run(round) {
    const { random, quick } = round;
    const world = await openWorld(round);
    try {
      await Promise.all([world.worker(), world.worker()]);
      world.load({ perSecond: 40 });
      const kills = quick ? 3 : 6;
      for (let kill = 1; kill <= kills; kill += 1) {
        await sleep(random.whole(300, 2500), undefined, { signal: round.signal });
        const victim = random.pick(world.workers());
        await Promise.all([victim.kill(), world.worker()]);
        round.say(`killed ${kill} of ${kills}`);
      }
      const accounts = await world.settle();
      return { ...accounts, notes: { ...accounts.notes, kills } };
    } finally {
      await world.close();
    }
  },
};
