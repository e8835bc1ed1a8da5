import { eventually } from "../../support/eventually.ts";
import type { Fault } from "../fault.ts";
import { type ChaosWorld, openWorld } from "../world.ts";

const patience = 60_000;

/** Redis reaches its maxmemory under load, and is given more later. */
export const redisFull: Fault = {
  name: "redis-full",
  title: "Redis' memory is full for a while: calls are refused clearly, workers go on",
  promise: "once",
  rounds: { quick: 1, long: 20 },
  async run(round) {
    const world = await openWorld(round);
    try {
      await Promise.all([world.worker(), world.worker()]);
      const load = world.load({ perSecond: 60, longest: 150, largest: 20_000 });
      await eventually("jobs come and go", () => effects(world) > 50, patience);
      const used = Number(/used_memory:(\d+)/.exec(await world.broker.redis.info("memory"))?.[1]);
      // What is there already counts as too much, so it is full at once and stays so.
      await world.broker.redis.config(
        "SET",
        "maxmemory",
        String(Math.floor(used * round.random.pick([0.5, 0.9]))),
      );
      await eventually("calls are refused", () => (load.refusals.get("REDIS_FULL") ?? 0) > 20, patience);
      round.say(`full: refused as ${[...load.refusals.keys()].join(", ")}`);
      // One dies while nothing may be written, and another begins with empty hands.
      await round.random.pick(world.workers()).kill();
      await world.worker();
      await eventually(
        "workers end what waits while Redis is full",
        async () =>
          (await world.broker.queue("default").getJobCountByTypes("wait", "active", "prioritized")) === 0,
        patience,
      );
      const before = load.acknowledged();
      await world.broker.redis.config("SET", "maxmemory", "0");
      await eventually("calls are taken again", () => load.acknowledged() > before + 50, patience);
      const accounts = await world.settle();
      const [first = "", ...others] = [...load.refusals.keys()];
      if (others.length > 0) throw new Error(`calls were refused as ${first}, ${others.join(", ")}`);
      return { ...accounts, notes: { ...accounts.notes, refused: load.refusals.get("REDIS_FULL") ?? 0 } };
    } finally {
      await world.close();
    }
  },
};

function effects({ ledger }: ChaosWorld): number {
  let sum = 0;
  for (const { made } of ledger.pages()) sum += made;
  return sum;
}
