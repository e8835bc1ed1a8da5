import type { Fault } from "../fault.ts";
import { openRayGround, stopSharedRay } from "../ray-ground.ts";

const lines = 400;

export const rayLogSocketDies: Fault = {
  name: "ray-log-socket-dies",
  title: "The socket with a Ray job's log is cut again and again, in the middle of a frame as well",
  promise: "once",
  rounds: { quick: 1, long: 20 },
  needs: ["ray"],
  end: stopSharedRay,
  async run(round) {
    const ground = await openRayGround(round);
    try {
      ground.proxy.cutSockets(() => 200 + Math.floor(round.random.fraction() * 4000));
      for (let job = 0; job < 3; job += 1)
        await ground.steps({ seconds: 5 + round.random.fraction() * 2, lines });
      return await ground.settle(async (job) => {
        const told: string[] = [];
        for await (const line of job.logs()) told.push(...(line.match(/step \d+/) ?? []));
        const expected = Array.from({ length: lines }, (_, line) => `step ${String(line).padStart(5, "0")}`);
        if (expected.every((line, at) => line === told[at]) && told.length === lines) return undefined;
        round.say(`job ${job.id}: ${told.length} lines instead of ${lines}`);
        return new Set(told).size < told.length ? "doubled" : "lost";
      });
    } finally {
      await ground.close();
    }
  },
};
