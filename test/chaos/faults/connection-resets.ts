import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../../support/eventually.ts";
import type { Fault } from "../fault.ts";
import { openWorldOverLink } from "../linked-world.ts";

/** Connections to Redis are reset again and again, in the middle of commands and of answers. */
export const connectionResets: Fault = {
  name: "connection-resets",
  title: "Connections to Redis are reset at random, in the middle of commands and answers",
  promise: "once",
  rounds: { quick: 1, long: 20 },
  async run(round) {
    const { random } = round;
    const { world, link } = await openWorldOverLink(round);
    try {
      await Promise.all([world.worker(), world.worker()]);
      const load = world.load({ perSecond: 40 });
      const until = performance.now() + (round.quick ? 6000 : 20_000);
      let resets = 0;
      while (performance.now() < until) {
        await sleep(random.whole(100, 800), undefined, { signal: round.signal });
        resets += link.reset(random.pick([20, 50, 100]));
      }
      round.say(`${resets} resets`);
      const before = load.acknowledged();
      await eventually("calls are taken again", () => load.acknowledged() > before + 50, 60_000);
      const accounts = await world.settle();
      return { ...accounts, notes: { ...accounts.notes, resets } };
    } finally {
      await world.close();
    }
  },
};
