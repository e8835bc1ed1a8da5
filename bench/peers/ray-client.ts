import { fileURLToPath } from "node:url";
import * as z from "zod";
import type { Submission } from "../../src/ray/submission.ts";
import { startChild } from "../child.ts";
import type { Ground } from "../ground.ts";

const Answer = z.object({
  seconds: z.number(),
  ended: z.array(z.object({ status: z.string(), log: z.string() })),
});

/** Ray's own Python client, in a process that lives as long as the shape, so that no import is measured. */
export interface RayClient {
  /** Runs Ray jobs at once, from submit to log; resolves to seconds, and rejects unless each succeeded and printed `expected`. */
  run(submissions: readonly Submission[], expected: string): Promise<number>;
  stop(): Promise<void>;
}

export async function startRayClient(ground: Ground, address: string): Promise<RayClient> {
  const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
  const child = await startChild(ground, {
    name: "ray-client",
    command: [path("../../.venv/bin/python"), path("ray_client.py"), address],
    ready: "line",
  });
  return {
    async run(submissions, expected) {
      const requests = submissions.map(
        ({ entrypoint, submissionId, runtimeEnv, metadata, entrypointNumCpus }) => ({
          entrypoint,
          submission_id: submissionId,
          runtime_env: runtimeEnv,
          metadata,
          entrypoint_num_cpus: entrypointNumCpus,
        }),
      );
      const { seconds, ended } = Answer.parse(await child.ask(requests));
      const wrong = ended.find(({ status, log }) => status !== "SUCCEEDED" || !log.includes(expected));
      if (wrong !== undefined) throw new Error(`a Ray job is ${wrong.status}:\n${wrong.log}`);
      return seconds;
    },
    stop: () => child.stop(),
  };
}
