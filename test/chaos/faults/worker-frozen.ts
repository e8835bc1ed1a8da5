import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../../support/eventually.ts";
import type { Fault } from "../fault.ts";
import { openWorld } from "../world.ts";

const patience = 60_000;

/** A worker stands still for longer than its lock, as on a host that swaps, and goes on as if nothing had been. */
export const workerFrozen: Fault = {
  name: "worker-frozen",
  title: "A worker is stopped (SIGSTOP) for longer than its lock, and goes on",
  promise: "once",
  rounds: { quick: 1, long: 20 },
  async run(round) {
    const { random } = round;
    // Tasks that do not look at their signal have their effect late, whatever their worker knows by then.
    const world = await openWorld(round, { environment: { WORKER_LOCK_DURATION: "1s" } });
    try {
      await Promise.all([world.worker(), world.worker()]);
      world.load({ perSecond: 30, mix: { deaf: 50 }, longest: 100 });
      const freezes = round.quick ? 1 : 3;
      for (let freeze = 1; freeze <= freezes; freeze += 1) {
        await sleep(random.whole(300, 1500), undefined, { signal: round.signal });
        const victim = random.pick(world.workers());
        const holds = `${victim.process.pid}-`;
        await eventually(
          "it holds a job",
          () =>
            [...world.ledger.pages()].some((page) => page.begun > page.effects && page.run.startsWith(holds)),
          patience,
        );
        victim.freeze();
        const survivors = world.workers().filter((worker) => worker !== victim);
        const told = () => survivors.map((worker) => worker.output().match(/fell silent/g)?.length ?? 0);
        const before = told().reduce((sum, count) => sum + count, 0);
        await eventually(
          "the other one takes its jobs over",
          () => told().reduce((sum, count) => sum + count, 0) > before,
          patience,
        );
        await sleep(random.whole(500, 2000), undefined, { signal: round.signal });
        victim.thaw();
        round.say(`frozen and thawed, ${freeze} of ${freezes}`);
      }
      const accounts = await world.settle();
      return { ...accounts, notes: { ...accounts.notes, freezes } };
    } finally {
      await world.close();
    }
  },
};
