import { setTimeout as sleep } from "node:timers/promises";
import { startHosts } from "../../support/hosts.ts";
import { startLovage } from "../../support/lovage-process.ts";
import type { Fault } from "../fault.ts";
import { openWorldAt } from "../world.ts";

/**
 * A host with workers loses its network without a word: no connection ends, its workers go on with what they hold and
 * cannot tell of it. Others take its jobs over; when it is back, what it did meanwhile is refused by the fence.
 */
export const hostUnplugged: Fault = {
  name: "host-unplugged",
  title: "A host with a worker is unplugged under load for longer than the lock, and plugged in again",
  promise: "once",
  rounds: { quick: 1, long: 20 },
  needs: ["root"],
  async run(round) {
    const { random, quick } = round;
    const { hosts, redis, url, remove } = await startHosts(2);
    const world = await openWorldAt(round, {
      redis: { url },
      environment: { REDIS_URL: url },
      close: remove,
    });
    const workers: Awaited<ReturnType<typeof startLovage>>[] = [];
    try {
      for (const [at, { inside }] of hosts.entries()) {
        const own = { REDIS_URL: `redis://${redis.host}:${redis.port}`, WORKER_NAME: `host-${at + 1}` };
        const environment = { ...world.environment, ...own, WORKER_QUEUES: "default" };
        workers.push(await startLovage([], environment, { script: "worker-process.ts", inside }));
      }
      // Longer runs: some must be under way when the cable is pulled.
      world.load({ perSecond: 30, longest: 300 });
      const times = quick ? 1 : 4;
      for (let time = 1; time <= times; time += 1) {
        await sleep(random.whole(500, 2500), undefined, { signal: round.signal });
        const host = random.pick(hosts);
        host.unplug();
        round.say(`unplugged ${host.address}, ${time} of ${times}`);
        await sleep(random.whole(5000, 9000), undefined, { signal: round.signal });
        host.plugIn();
      }
      const accounts = await world.settle();
      await Promise.all(workers.map((worker) => worker.stop()));
      const unruly = workers.filter(({ process: { exitCode } }) => exitCode !== 0).length;
      return {
        ...accounts,
        lost: accounts.lost + unruly,
        notes: { ...accounts.notes, times, workersThatDidNotStopWell: unruly },
      };
    } finally {
      for (const host of hosts) host.plugIn();
      await Promise.all(workers.map((worker) => worker.kill()));
      await world.close();
    }
  },
};
