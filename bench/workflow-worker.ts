/** A worker with the tasks of the benchmark of workflows; settings come by the environment. */

import { runWorker } from "../src/bin/worker.ts";
import { loadConfig } from "../src/config/index.ts";
import { catalogue } from "./workflow-tasks.ts";

const config = loadConfig([{ name: "the environment", own: false, variables: process.env }]);
process.exitCode = await runWorker(
  config,
  { queues: ["default"], concurrency: 4, name: "bench" },
  async () => ({
    catalogue,
    programsFolder: "",
  }),
);
