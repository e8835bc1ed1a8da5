import { setTimeout as sleep } from "node:timers/promises";
import type { Fault } from "../fault.ts";
import { openRayGround, stopSharedRay } from "../ray-ground.ts";

export const rayNodeKilled: Fault = {
  name: "ray-node-killed",
  title: "The node on which a Ray job runs is killed, and another comes up later",
  promise: "at least once",
  rounds: { quick: 1, long: 20 },
  needs: ["ray"],
  end: stopSharedRay,
  async run(round) {
    const ground = await openRayGround(round);
    try {
      const node = await ground.node("far");
      const far = await ground.steps({ seconds: 4 }, "chaos.steps_far");
      await ground.steps({ seconds: 4 });
      await ground.until("its program runs", () => ground.runs(far.id).length > 0);
      await sleep(round.random.fraction() * 3000);
      await node.kill();
      round.say("the node is gone");
      await sleep(round.random.fraction() * 2000);
      await ground.node("far");
      return await ground.settle();
    } finally {
      await ground.close();
    }
  },
};
