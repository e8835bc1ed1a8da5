import { setTimeout as sleep } from "node:timers/promises";
import { openBroker } from "../../../src/queue/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { startOwnRedis } from "../../support/own-redis.ts";
import type { Fault } from "../fault.ts";
import { judgeTimes, madeTimes, startTicking, type TickingScheduler } from "../ticks.ts";
import { startWorker } from "../worker.ts";

/** So many seconds of a minute are each round's, far apart: the twenty of the long form go through all sixty, a minute each. */
const secondsOfRound = 3;
const secondsApart = 20;

export const schedulersKilled: Fault = {
  name: "schedulers-killed",
  title: "Of two schedulers one is killed, the acting one mostly, at each second of a minute",
  promise: "once",
  rounds: { quick: 1, long: 20 },
  async run(round) {
    const { random, quick, say, signal } = round;
    const redis = await startOwnRedis();
    const settings = { REDIS_URL: redis.url, REDIS_PREFIX: "chaos" };
    const broker = await openBroker({ redis: { url: redis.url, prefix: "chaos" } });
    const worker = await startWorker({
      ...settings,
      WORKER_QUEUES: "default",
      RAY_ADDRESS: "http://127.0.0.1:9",
      RESULT_COUNT: "1000000",
      LOVAGE_TEST_CATALOGUE: new URL("../../support/ticking-catalogue.ts", import.meta.url).href,
    });
    // The lease of those that are deployed is 10 s.
    const environment = { ...settings, ...(quick && { LOVAGE_TEST_LEASE: "2000" }) };
    let schedulers: TickingScheduler[] = [];
    try {
      schedulers = await Promise.all([startTicking(environment), startTicking(environment)]);
      const kills = quick ? 5 : secondsOfRound;
      let longest = 0;
      for (let kill = 0; kill < kills; kill += 1) {
        const acting = await eventually("one acts", () => schedulers.find((one) => one.acts()));
        const second = quick ? undefined : (round.number - 1 + kill * secondsApart) % 60;
        await untilSecond(second, random.fraction(), signal);
        const victim = random.chance(80) ? acting : (schedulers.find((one) => one !== acting) ?? acting);
        const before = (await madeTimes(broker)).length;
        await victim.kill();
        const killed = performance.now();
        schedulers = [...schedulers.filter((one) => one !== victim), await startTicking(environment)];
        await eventually("it fires again", async () => (await madeTimes(broker)).length > before + 1);
        longest = Math.max(longest, performance.now() - killed);
        say(`killed ${kill + 1} of ${kills}`);
      }
      await Promise.all(schedulers.map((one) => one.kill()));
      const times = await madeTimes(broker);
      const completed = () => broker.queue("default").getJobCountByTypes("completed");
      await eventually("all jobs are done", async () => (await completed()) === times.length);
      return {
        enqueued: times.length,
        completed: await completed(),
        failed: 0,
        cancelled: 0,
        expired: 0,
        ...judgeTimes(times),
        notes: { kills, secondsWithoutFiring: Math.round(longest / 100) / 10 },
      };
    } finally {
      await Promise.all([worker, ...schedulers].map((one) => one.kill()));
      await broker.close();
      await redis.remove();
    }
  },
};

/** Waits for a second of the minute, and a part of it; without one for the part alone. */
async function untilSecond(second: number | undefined, part: number, signal: AbortSignal): Promise<void> {
  const now = Date.now() % 60_000;
  const wait = second === undefined ? part * 1000 : (second * 1000 + part * 1000 - now + 60_000) % 60_000;
  await sleep(wait, undefined, { signal });
}
