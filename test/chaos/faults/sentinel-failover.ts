import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../../support/eventually.ts";
import { startOwnSentinel } from "../../support/own-sentinel.ts";
import type { Fault } from "../fault.ts";
import { openWorldAt } from "../world.ts";

/** What one failover may take on a machine that is busy, in milliseconds. */
const patience = 90_000;

/**
 * The master dies, and the sentinels make its replica the next one. Calls wait for the replica, so each that was acknowledged
 * is there afterwards. What workers wrote in the last moments may be gone with the old master, the fence of a run among it:
 * so runs may be repeated, and the effects are held to "at least once".
 */
export const sentinelFailover: Fault = {
  name: "sentinel-failover",
  title:
    "The master behind Sentinel is killed with -9 under load, its replica takes over, the old one comes back",
  promise: "at least once",
  rounds: { quick: 1, long: 20 },
  async run(round) {
    const { random, quick } = round;
    const redis = await startOwnSentinel();
    const world = await openWorldAt(round, {
      redis: redis.settings,
      environment: { ...redis.variables },
      close: () => redis.remove(),
    });
    try {
      await Promise.all([world.worker(), world.worker()]);
      const load = world.load({ perSecond: 40, confirm: "replica" });
      const kills = quick ? 1 : 3;
      let longest = 0;
      for (let kill = 1; kill <= kills; kill += 1) {
        await sleep(random.whole(500, 3000), undefined, { signal: round.signal });
        const master = await redis.master();
        const before = load.acknowledged();
        await master.kill();
        const killed = performance.now();
        round.say(`killed the master, ${kill} of ${kills}`);
        const other = async () => (await redis.master()).port !== master.port;
        await eventually("the sentinels name another master", other, patience);
        longest = Math.max(longest, Math.round(performance.now() - killed));
        await master.restart();
        await redis.replicated(patience);
        const goesOn = () => load.acknowledged() > before + 40;
        await eventually("calls are acknowledged again", goesOn, patience);
      }
      const accounts = await world.settle();
      const mayBeLost = "calls that were not confirmed by a replica (this load waits for one)";
      return {
        ...accounts,
        notes: {
          ...accounts.notes,
          kills,
          longestWithoutMasterMs: longest,
          refused: [...load.refusals].map(([code, count]) => `${code} ${count}`).join(", "),
          mayBeLost,
        },
      };
    } finally {
      await world.close();
    }
  },
};
