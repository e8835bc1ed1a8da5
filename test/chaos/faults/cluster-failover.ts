import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../../support/eventually.ts";
import { startOwnCluster } from "../../support/own-cluster.ts";
import type { Fault } from "../fault.ts";
import { openWorldAt } from "../world.ts";

/** Milliseconds after which a node that is silent is taken for dead by the others. */
const nodeTimeout = 1500;

/** A replica gets what its master wrote after the caller was answered: this much before a death may be gone with it. */
const lastMoments = 500;

/** Masters of a cluster die, one after another; each time a replica takes over, and the dead one comes back as its replica. */
export const clusterFailover: Fault = {
  name: "cluster-failover",
  title: "A master of a Redis Cluster dies by kill -9 under load; its replica takes over",
  promise: "at least once",
  rounds: { quick: 1, long: 20 },
  async run(round) {
    const { random, quick, signal } = round;
    round.say("starts three masters and three replicas");
    const cluster = await startOwnCluster({ replicas: 1, nodeTimeout });
    const addresses = cluster.addresses;
    const world = await openWorldAt(round, {
      redis: { cluster: addresses, shards: 6 },
      environment: {
        REDIS_CLUSTER: addresses.map(({ host, port }) => `${host}:${port}`).join(","),
        REDIS_SHARDS: "6",
      },
      close: () => cluster.remove(),
    }).catch(async (error) => {
      await cluster.remove();
      throw error;
    });
    try {
      await Promise.all([world.worker(), world.worker()]);
      const load = world.load({ perSecond: 30 });
      const deaths: number[] = [];
      let longest = 0;
      const kills = quick ? 1 : 3;
      for (let kill = 1; kill <= kills; kill += 1) {
        const before = load.acknowledged();
        await eventually("calls are acknowledged", () => load.acknowledged() > before + 30, 60_000);
        await sleep(random.whole(200, 2000), undefined, { signal });
        const victim = random.pick(await cluster.mastersNow());
        deaths.push(Date.now());
        await victim.kill();
        const died = performance.now();
        await eventually("a replica has taken over", () => cluster.isServed(victim), 60_000);
        longest = Math.max(longest, Math.round(performance.now() - died));
        round.say(`killed ${kill} of ${kills}; its replica has taken over`);
        await victim.restart();
        await cluster.untilWhole();
      }
      const before = load.acknowledged();
      await eventually("calls are acknowledged again", () => load.acknowledged() > before + 30, 60_000);
      const { gone, ...books } = await world.settle();
      const excused = gone.filter(({ at }) =>
        deaths.some((death) => at > death - lastMoments && at < death + lastMoments),
      );
      return {
        ...books,
        lost: books.lost - excused.length,
        notes: {
          ...books.notes,
          kills,
          takeoverMilliseconds: longest,
          lostBeforeReplication: excused.length,
          refused: [...load.refusals].map(([code, count]) => `${code} ${count}`).join(", ") || "none",
        },
      };
    } finally {
      await world.close();
    }
  },
};
