import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../../support/eventually.ts";
import { allowLastMoments } from "../accounts.ts";
import type { Books } from "../books.ts";
import type { Fault, Round } from "../fault.ts";
import { openDisk } from "../power.ts";
import { openWorld } from "../world.ts";

/** Redis dies and comes back with what its disk has; workers and callers go on by themselves. */
export const redisKilled: Fault = {
  name: "redis-killed",
  title:
    "Redis dies (a power cut where the suite is root, else kill -9) and comes back from its append-only file",
  promise: "at least once",
  rounds: { quick: 1, long: 20 },
  run: (round) => killRedis(round, undefined),
};

/** The same, where each call waits for the disk: nothing that was acknowledged may be lost. */
export const redisKilledConfirmed: Fault = {
  name: "redis-killed-confirmed",
  title: 'Redis dies under calls with confirm: "disk"',
  promise: "at least once",
  rounds: { quick: 1, long: 20 },
  run: (round) => killRedis(round, "disk"),
};

async function killRedis(round: Round, confirm: "disk" | undefined): Promise<Books> {
  const { random, quick } = round;
  const disk = await openDisk(round);
  const world = await openWorld(round, { redis: { dir: disk.dir } }).catch(async (error) => {
    await disk.remove();
    throw error;
  });
  try {
    await Promise.all([world.worker(), world.worker()]);
    const load = world.load({ perSecond: 40, ...(confirm && { confirm }) });
    const deaths: number[] = [];
    const kills = quick ? 2 : 4;
    for (let kill = 1; kill <= kills; kill += 1) {
      const before = load.acknowledged();
      await eventually("calls are acknowledged", () => load.acknowledged() > before + 30, 60_000);
      await sleep(random.whole(300, 2500), undefined, { signal: round.signal });
      deaths.push(Date.now());
      await disk.cut(world.redis);
      await sleep(random.whole(0, 1500), undefined, { signal: round.signal });
      await world.redis.restart();
      round.say(`${disk.how}, ${kill} of ${kills}`);
    }
    const before = load.acknowledged();
    await eventually("calls are acknowledged again", () => load.acknowledged() > before + 30, 60_000);
    const accounts = await world.settle();
    const books = confirm === "disk" ? accounts : allowLastMoments(accounts, deaths);
    return { ...books, notes: { ...books.notes, how: disk.how, kills } };
  } finally {
    await world.close();
    await disk.remove();
  }
}
