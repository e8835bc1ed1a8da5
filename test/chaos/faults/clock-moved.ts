import { setTimeout as sleep } from "node:timers/promises";
import type { JobHandle } from "#client";
import { openBroker } from "../../../src/queue/broker.ts";
import type { Books } from "../books.ts";
import type { Fault } from "../fault.ts";
import { judgeTimes, madeTimes, startTicking } from "../ticks.ts";
import { type ChaosWorld, openWorld } from "../world.ts";

const hour = 3_600_000;

/** A process whose clock is an hour ahead or behind. */
function clockAhead(milliseconds: number): Record<string, string> {
  return {
    NODE_OPTIONS: `--import=${new URL("../moved-clock.ts", import.meta.url).href}`,
    LOVAGE_TEST_CLOCK_AHEAD: String(milliseconds),
  };
}

export const clockMoved: Fault = {
  name: "clock-moved",
  title: "The clocks of workers and schedulers are an hour ahead and behind, and are set while they work",
  promise: "once",
  rounds: { quick: 1, long: 20 },
  async run(round) {
    const { random, quick, signal, say } = round;
    const world = await openWorld(round);
    const prefix = "ticks";
    const ticks = await openBroker({ redis: { url: world.redis.url, prefix } });
    const ticking = { REDIS_URL: world.redis.url, REDIS_PREFIX: prefix, LOVAGE_TEST_LEASE: "3000" };
    const schedulers = await Promise.all(
      [hour, -hour].map((ahead) => startTicking({ ...ticking, ...clockAhead(ahead) })),
    );
    try {
      const workers = await Promise.all([hour, -hour, 0].map((ahead) => world.worker(clockAhead(ahead))));
      world.load({ perSecond: 30 });
      const appointments = makeAppointments(world, signal);
      for (let move = 0; move < (quick ? 3 : 8); move += 1) {
        await sleep(random.whole(1500, 3000), undefined, { signal });
        const { process } = random.pick([...workers, ...schedulers]);
        process.send({ clockAhead: random.pick([hour, -hour, 0]) });
        say(`set the clock of a process, ${move + 1} times`);
      }
      const kept = await appointments.end();
      // The one that fires gives way, so the other's clock is tried as well.
      await schedulers.find((one) => one.acts())?.kill();
      await sleep(5000, undefined, { signal });
      const accounts = await world.settle();
      const times = await madeTimes(ticks);
      const fired = judgeTimes(times);
      return {
        ...accounts,
        enqueued: accounts.enqueued + kept.enqueued,
        completed: accounts.completed + kept.completed,
        failed: accounts.failed + kept.failed,
        expired: accounts.expired + kept.expired,
        lost: accounts.lost + kept.lost + fired.lost + (times.length === 0 ? 1 : 0),
        doubled: accounts.doubled + fired.doubled,
        notes: { ...accounts.notes, ...kept.notes, firings: times.length },
      };
    } finally {
      await Promise.all(schedulers.map((one) => one.kill()));
      await ticks.close();
      await world.close();
    }
  },
};

const delay = 3000;

/** A job that began so much too early was started by a wrong clock, and so was one that is so late. Milliseconds. */
const early = 500;

/** Jobs that must begin at their time, and jobs that must not expire meanwhile; a wrong clock breaks both. */
function makeAppointments({ client, ledger }: ChaosWorld, signal: AbortSignal) {
  const over = new AbortController();
  const jobs: Promise<{ job: JobHandle<unknown>; tooEarly: boolean }>[] = [];

  async function appointment(): Promise<{ job: JobHandle<unknown>; tooEarly: boolean }> {
    const job = await client.enqueue("chaos.entry", {}, { delay, expires: "60s" });
    await sleep(delay - early, undefined, { signal });
    return { job, tooEarly: ledger.page(job.id) !== undefined };
  }

  const making = (async () => {
    for (; !over.signal.aborted && !signal.aborted; await sleep(100)) jobs.push(appointment());
  })();

  return {
    /** Makes no more, and counts what became of them. Too early counts as lost: the promise was broken. */
    async end(): Promise<Books> {
      over.abort();
      await making;
      const books = { enqueued: 0, completed: 0, failed: 0, cancelled: 0, expired: 0, lost: 0, doubled: 0 };
      let beganTooEarly = 0;
      for (const { job, tooEarly } of await Promise.all(jobs)) {
        await job.result({ timeout: "30s" }).catch(() => {});
        const state = await job.state();
        books.enqueued += 1;
        if (state === "completed" || state === "failed" || state === "expired") books[state] += 1;
        if (state !== "completed" || tooEarly) books.lost += 1;
        if (tooEarly) beganTooEarly += 1;
      }
      return { ...books, notes: { appointments: books.enqueued, beganTooEarly } };
    },
  };
}
