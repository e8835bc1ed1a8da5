import type { Fault } from "../fault.ts";
import { openRayGround, stopSharedRay } from "../ray-ground.ts";

export const rayFalseFailed: Fault = {
  name: "ray-false-failed",
  title: "Ray calls a Ray job FAILED whose program is done, or goes on",
  promise: "once",
  rounds: { quick: 1, long: 20 },
  needs: ["ray"],
  end: stopSharedRay,
  async run(round) {
    const ground = await openRayGround(round);
    try {
      const done = await ground.steps({ seconds: 1 });
      const goesOn = await ground.steps({ seconds: 9, lines: 1 });
      await ground.steps({ seconds: 1 });
      ground.proxy.answer(({ method, path }) => {
        const { pathname } = new URL(path, "http://ray");
        if (method !== "GET" || !/^\/api\/jobs\/[^/]+$/.test(pathname)) return { type: "pass" };
        const of = (id: string) => pathname.includes(id);
        const [run] = ground.runs(goesOn.id);
        if (of(goesOn.id) && pathname.endsWith(":a1") && run !== undefined)
          return { type: "forge", change: falselyFailed("JOB_SUPERVISOR_ACTOR_UNKNOWN_FAILURE") };
        if (!of(done.id)) return { type: "pass" };
        return {
          type: "forge",
          change: (body) =>
            body.includes("SUCCEEDED") ? falselyFailed("JOB_SUPERVISOR_ACTOR_DIED")(body) : body,
        };
      });
      // Nothing went wrong but what Ray said, so each program ran once.
      return await ground.settle(async (_job, { length }) => (length > 1 ? "doubled" : undefined));
    } finally {
      await ground.close();
    }
  },
};

/** What Ray answers after a failover of its head: ray-project/ray#65025 and #65608. */
function falselyFailed(type: string): (body: string) => string {
  return (body) =>
    JSON.stringify({
      ...JSON.parse(body),
      status: "FAILED",
      error_type: type,
      message: "Unexpected error occurred",
      driver_exit_code: null,
    });
}
