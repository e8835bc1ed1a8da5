import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import type { Submission } from "../src/ray/submission.ts";

const Answer = z.object({ seconds: z.number(), status: z.string(), log: z.string() });

/** Ray's own Python client, in a process that lives as long as the benchmark, so that no import is measured. */
export interface RayBaseline {
  /** Submit to log, in seconds; rejects unless the program succeeded and printed `expected`. */
  run(submission: Submission, expected: string): Promise<number>;
  stop(): void;
}

export async function startRayBaseline(address: string): Promise<RayBaseline> {
  const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
  const child = spawn(path("../.venv/bin/python"), [path("ray_job_baseline.py"), address], {
    stdio: ["pipe", "pipe", "inherit"],
    // Without the environment's RAY_ variables: the address is the argument, whatever cluster the shell names.
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"] },
  });
  const lines = createInterface({ input: child.stdout });
  const gone = once(child, "exit").then(() => {
    throw new Error("Ray's Python client ended");
  });
  gone.catch(() => {});
  const answer = async (): Promise<unknown> => {
    const [line] = await Promise.race([once(lines, "line"), gone]);
    return JSON.parse(String(line));
  };
  process.once("exit", () => child.kill("SIGKILL"));
  await answer();
  return {
    async run(submission, expected) {
      const { entrypoint, submissionId, runtimeEnv, metadata, entrypointNumCpus } = submission;
      const request = {
        entrypoint,
        submission_id: submissionId,
        runtime_env: runtimeEnv,
        metadata,
        entrypoint_num_cpus: entrypointNumCpus,
      };
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const { seconds, status, log } = Answer.parse(await answer());
      if (status !== "SUCCEEDED" || !log.includes(expected))
        throw new Error(`the Ray job is ${status}:\n${log}`);
      return seconds;
    },
    stop() {
      child.stdin.end();
    },
  };
}
