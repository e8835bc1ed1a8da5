/** A worker of Lovage's with the tasks of `lovage-tasks.ts`; settings come by the environment. BENCH_HOOKS=yes: with hooks. */

import { enableCompileCache } from "node:module";

enableCompileCache();
const [{ runWorker }, { loadConfig }, { catalogue, catalogueUrl, hooks }] = await Promise.all([
  import("../../src/bin/worker.ts"),
  import("../../src/config/index.ts"),
  import("./lovage-tasks.ts"),
]);

const config = loadConfig([{ name: "the environment", own: false, variables: process.env }]);
process.exitCode = await runWorker(config, {}, async () => ({
  catalogue,
  catalogueUrl,
  programsFolder: "",
  ...(process.env["BENCH_HOOKS"] === "yes" && { hooks }),
}));
