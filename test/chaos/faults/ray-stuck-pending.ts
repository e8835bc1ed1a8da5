import { createRayClient, isTerminal } from "../../../src/ray-client-http/index.ts";
import type { Fault } from "../fault.ts";
import { openRayGround, stopSharedRay } from "../ray-ground.ts";

export const rayStuckPending: Fault = {
  name: "ray-stuck-pending",
  title: "A Ray job stays PENDING past its start deadline; what it waits for comes after that",
  promise: "once",
  rounds: { quick: 1, long: 20 },
  needs: ["ray"],
  end: stopSharedRay,
  async run(round) {
    const ground = await openRayGround(round);
    const ray = createRayClient({ address: ground.ray.cluster.address });
    try {
      const stuck = await ground.steps({ seconds: 30 }, "chaos.steps_late");
      await ground.steps({ seconds: 2 });
      const books = await ground.settle();
      const { error } = await stuck.snapshot();
      // What it waited for is there now: the Ray job must be stopped rather than run for nobody.
      await ground.node("late");
      await ground.until("the Ray job is over on the cluster", async () => {
        const own = (await ray.list()).filter(({ metadata }) => metadata?.["lovage_job_id"] === stuck.id);
        return own.length === 1 && own.every(({ status }) => isTerminal(status));
      });
      const ranOn = ground.runs(stuck.id).some(({ ended }) => ended !== undefined);
      const clear = error?.code === "RAY_NOT_STARTED";
      return { ...books, lost: books.lost + (clear ? 0 : 1), doubled: books.doubled + (ranOn ? 1 : 0) };
    } finally {
      await ray.close();
      await ground.close();
    }
  },
};
