import { setTimeout as sleep } from "node:timers/promises";
import type { Fault } from "../fault.ts";
import { openRayGround, stopSharedRay } from "../ray-ground.ts";

export const rayDriverKilled: Fault = {
  name: "ray-driver-killed",
  title: "The program of a Ray job is killed (kill -9) while it runs",
  promise: "at least once",
  rounds: { quick: 1, long: 20 },
  needs: ["ray"],
  end: stopSharedRay,
  async run(round) {
    const ground = await openRayGround(round);
    try {
      const jobs = [];
      for (let job = 0; job < (round.quick ? 3 : 5); job += 1) jobs.push(await ground.steps({ seconds: 2 }));
      let killed = 0;
      await Promise.all(
        jobs.slice(0, 2).map(async ({ id }) => {
          const [pause, twice] = [round.random.fraction() * 1500, !round.quick && round.random.chance(50)];
          for (let attempt = 0; attempt < (twice ? 2 : 1); attempt += 1) {
            await ground.until("its program runs", () => ground.runs(id).length > attempt);
            await sleep(pause);
            process.kill(ground.runs(id).at(-1)?.pid ?? 0, "SIGKILL");
            killed += 1;
          }
        }),
      );
      const books = await ground.settle();
      return { ...books, notes: { driversKilled: killed } };
    } finally {
      await ground.close();
    }
  },
};
