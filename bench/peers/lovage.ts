import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { nodeCommand, startChild } from "../child.ts";
import type { Peer } from "../peer.ts";
import { bullmqKeys, prefix } from "./bullmq-keys.ts";
import { startClientChild } from "./client-child.ts";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const { version } = createRequire(import.meta.url)("../../package.json") as { version: string };

/** Lovage as its users have it: the client, and the program `lovage worker` with the project's tasks. */
export const lovage: Peer = {
  name: "lovage",
  title: "Lovage",
  version,
  share: 1,
  startClient: (ground, environment) =>
    startClientChild(ground, {
      name: "lovage-client",
      command: nodeCommand(path("lovage-client.ts")),
      environment,
    }),
  startWorker(ground, { concurrency, compileCache, environment }) {
    const flags = ["--queues", "default", "--concurrency", String(concurrency), "--name", "bench"];
    return startChild(ground, {
      name: "lovage-worker",
      command: nodeCommand(path("../../src/bin/lovage.ts"), "worker", ...flags),
      ready: "message",
      compileCache,
      environment: { ...lovageEnvironment(ground.url), ...environment },
    });
  },
  ...bullmqKeys,
};

/** A worker with the tasks of `lovage-tasks.ts` instead of the project's. */
export const lovageWithOwnTasks: Peer = {
  ...lovage,
  startWorker(ground, { concurrency, compileCache, environment }) {
    return startChild(ground, {
      name: "lovage-worker",
      command: nodeCommand(path("lovage-worker.ts")),
      ready: "message",
      compileCache,
      environment: {
        ...lovageEnvironment(ground.url),
        WORKER_QUEUES: "default",
        DEFAULT_CONCURRENCY: String(concurrency),
        WORKER_NAME: "bench",
        ...environment,
      },
    });
  },
};

function lovageEnvironment(url: string): Record<string, string> {
  return { REDIS_URL: url, REDIS_PREFIX: prefix };
}
