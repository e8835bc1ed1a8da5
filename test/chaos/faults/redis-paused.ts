import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../../support/eventually.ts";
import type { Fault } from "../fault.ts";
import { openWorld } from "../world.ts";

/** Redis stands still with all its connections open, as one does whose host is out of memory or disk. */
export const redisPaused: Fault = {
  name: "redis-paused",
  title: "Redis is paused (SIGSTOP) for longer than the lock",
  promise: "once",
  rounds: { quick: 1, long: 20 },
  async run(round) {
    const world = await openWorld(round);
    try {
      await Promise.all([world.worker(), world.worker()]);
      const load = world.load({ perSecond: 40 });
      await sleep(round.random.whole(1000, 3000), undefined, { signal: round.signal });
      const seconds = round.quick ? 5 : 30;
      world.redis.pause();
      round.say(`paused for ${seconds} s`);
      await sleep(seconds * 1000, undefined, { signal: round.signal });
      world.redis.resume();
      const before = load.acknowledged();
      await eventually("calls are taken again", () => load.acknowledged() > before + 50, 60_000);
      const accounts = await world.settle();
      return {
        ...accounts,
        notes: { ...accounts.notes, refused: load.refusals.get("REDIS_UNAVAILABLE") ?? 0 },
      };
    } finally {
      world.redis.resume();
      await world.close();
    }
  },
};
