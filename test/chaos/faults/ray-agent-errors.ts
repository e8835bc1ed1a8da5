import type { Fault } from "../fault.ts";
import { openRayGround, stopSharedRay } from "../ray-ground.ts";

/** Of a hundred requests so many go wrong. */
const perHundred = 30;

export const rayAgentErrors: Fault = {
  name: "ray-agent-errors",
  title: "Ray's dashboard answers 500 and 503, hangs, cuts the line, and loses answers",
  promise: "once",
  rounds: { quick: 1, long: 20 },
  needs: ["ray"],
  end: stopSharedRay,
  async run(round) {
    const ground = await openRayGround(round);
    try {
      let uploads = 0;
      ground.proxy.answer(({ method }) => {
        // By chance alone it would hardly ever be met: a cluster is sent the package once.
        if (method === "PUT" && uploads++ === 0) return { type: "silence" };
        const roll = round.random.fraction() * 100;
        if (roll >= perHundred) return { type: "pass" };
        // The dearest of all: the program starts, and who asked for it is told that it did not.
        if (method === "POST")
          return { type: roll < perHundred / 2 ? "lost" : "status", status: 503 } as const;
        if (roll < 10) return { type: "status", status: 500 };
        if (roll < 20) return { type: "status", status: 503 };
        if (roll < 22) return { type: "silence" };
        return { type: roll < 26 ? "lost" : "cut" };
      });
      for (let job = 0; job < (round.quick ? 3 : 8); job += 1)
        await ground.steps({ seconds: 1 + round.random.fraction() * 2 });
      // Nothing went wrong with the programs, so each ran once.
      return await ground.settle(async (_job, { length }) => (length > 1 ? "doubled" : undefined));
    } finally {
      await ground.close();
    }
  },
};
