/** A worker of the deployment that a module is, as a process of its own: LOVAGE_TEST_DEPLOYMENT names the module. */

import { runWorker } from "../../src/bin/worker.ts";
import { loadConfig } from "../../src/config/index.ts";

const config = loadConfig([{ name: "the environment", own: false, variables: process.env }]);
const deployment = await import(process.env["LOVAGE_TEST_DEPLOYMENT"] ?? "");
process.exitCode = await runWorker(config, {}, async () => ({
  ...deployment,
  programsFolder: process.env["LOVAGE_TEST_PROGRAMS"] ?? "",
}));
