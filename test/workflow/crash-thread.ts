/** A thread that tries programs with dying workers, so many at once, and tells of each as it ends. */

import { parentPort, workerData } from "node:worker_threads";
import { type Death, type Trial, tryProgram } from "./crash-trial.ts";
import type { Node } from "./program.ts";

export interface CrashTask {
  redis: string;
  prefix: string;
  trials: [Node, Death[]][];
  /** How many are under way at once: one mostly waits for Redis. */
  lanes: number;
}

export interface TriedProgram {
  program: Node;
  trial: Trial;
}

const { redis, prefix, trials, lanes } = workerData as CrashTask;
const left = [...trials.entries()];
await Promise.all(
  Array.from({ length: lanes }, async () => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const [index, [program, deaths]] = next;
      const trial = await tryProgram(program, deaths, { redis, prefix: `${prefix}-${index}` });
      parentPort?.postMessage({ program, trial } satisfies TriedProgram);
    }
  }),
);
