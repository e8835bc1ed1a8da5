import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../support/free-port.ts";
import type { Fault } from "../fault.ts";
import { watchMemory } from "../resident.ts";
import { openWorld } from "../world.ts";

/** Megabytes an hour above which the long form fails. The short one is too short to tell a leak from warming up. */
const steepest = 20;

/** Time alone: an hour of everything, in which no process may grow. */
export const memory: Fault = {
  name: "memory",
  title: "An hour of mixed load: the memory of worker, scheduler and dashboard stays flat",
  promise: "once",
  rounds: { quick: 1, long: 1 },
  patience: 90,
  async run(round) {
    const world = await openWorld(round);
    try {
      const port = await freePort();
      const [worker, scheduler, dashboard] = await Promise.all([
        world.worker(),
        world.start(["scheduler"]),
        world.start(["dashboard"], { DASHBOARD_PORT: String(port) }),
      ]);
      const processes = { worker, scheduler, dashboard };
      const watched = Object.entries(processes).map(
        ([name, { process }]) => [name, watchMemory(process.pid ?? 0)] as const,
      );
      const load = world.load({ perSecond: 30 });
      const seconds = round.quick ? 20 : 3600;
      const until = performance.now() + seconds * 1000;
      let told = performance.now();
      while (performance.now() < until) {
        await sleep(1000, undefined, { signal: round.signal });
        // What operators and their pages ask for all day.
        await Promise.all([
          fetch(`http://127.0.0.1:${port}/login`).then((answer) => answer.text()),
          world.client.inspect.stats(),
          world.client.inspect.queues(),
          world.client.search({}, { limit: 20 }),
        ]);
        if (existsSync("/proc/self/status")) for (const [, resident] of watched) resident.sample();
        if (performance.now() - told < 60_000) continue;
        told = performance.now();
        const figures = watched.map(([name, resident]) => `${name} ${resident.last()} MB`);
        round.say(`${load.acknowledged()} jobs; ${figures.join(", ")}`);
      }
      const accounts = await world.settle();
      const notes = { ...accounts.notes };
      for (const [name, resident] of watched) {
        notes[`${name}MB`] = resident.last();
        if (!round.quick) notes[`${name}MBPerHour`] = Math.round(resident.slope() * 10) / 10;
      }
      const growing = watched.filter(([, resident]) => !round.quick && resident.slope() > steepest);
      if (growing.length > 0)
        throw new Error(
          growing.map(([name, { slope }]) => `${name} grows by ${slope()} MB an hour`).join(", "),
        );
      return { ...accounts, notes };
    } finally {
      await world.close();
    }
  },
};
