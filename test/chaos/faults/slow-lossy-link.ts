import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../../support/eventually.ts";
import type { Fault } from "../fault.ts";
import { openWorldOverLink } from "../linked-world.ts";

/** Everything between Lovage and Redis becomes slow, uneven and narrow for a while, as between two sites. */
export const slowLossyLink: Fault = {
  name: "slow-lossy-link",
  title: "The link to Redis is slow, narrow and loses packets",
  promise: "once",
  rounds: { quick: 1, long: 20 },
  async run(round) {
    const { random } = round;
    const { world, link } = await openWorldOverLink(round);
    try {
      await Promise.all([world.worker(), world.worker()]);
      const load = world.load({ perSecond: 20 });
      await eventually("jobs come and go", () => load.acknowledged() > 20, 60_000);
      const latency = random.whole(20, 80);
      link.worsen({ latency, jitter: latency, loss: 3, bytesPerSecond: 200_000 });
      round.say(`${latency} to ${2 * latency} ms each way, 3 of 100 packets lost, 200 kB/s`);
      await sleep(round.quick ? 8000 : 30_000, undefined, { signal: round.signal });
      link.worsen(undefined);
      const accounts = await world.settle();
      return { ...accounts, notes: { ...accounts.notes, latency } };
    } finally {
      await world.close();
    }
  },
};
