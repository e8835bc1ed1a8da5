import { setTimeout as sleep } from "node:timers/promises";
import type { JobHandle } from "#client";
import type { Fault } from "../fault.ts";
import { openRayGround, stopSharedRay } from "../ray-ground.ts";

export const rayHeadReplaced: Fault = {
  name: "ray-head-replaced",
  title: "Ray's head is killed under running and waiting Ray jobs, and another comes up at its address",
  promise: "at least once",
  rounds: { quick: 1, long: 20 },
  needs: ["ray"],
  end: stopSharedRay,
  async run(round) {
    const ground = await openRayGround(round);
    try {
      const { cluster } = ground.ray;
      // Three run at once, so others wait for a slot.
      const jobs: JobHandle<unknown>[] = [];
      for (let job = 0; job < (round.quick ? 4 : 6); job += 1)
        jobs.push(await ground.steps({ seconds: 3 + round.random.fraction() * 3 }));
      await ground.until("a program runs", () => jobs.some(({ id }) => ground.runs(id).length > 0));
      await sleep(round.random.fraction() * 3000);
      round.say("killing the head");
      await cluster.killHead();
      await sleep(round.random.fraction() * 1000);
      await cluster.startHead();
      round.say("another head is there");
      return await ground.settle();
    } finally {
      await ground.close();
    }
  },
};
