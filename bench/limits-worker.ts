/** A worker of Lovage's whose pings have limits that never bind; settings come by the environment. */

import { enableCompileCache } from "node:module";

enableCompileCache();
const [{ runWorker }, { loadConfig }, { catalogue, catalogueUrl }] = await Promise.all([
  import("../src/bin/worker.ts"),
  import("../src/config/index.ts"),
  import("./limits-catalogue.ts"),
]);

const config = loadConfig([{ name: "the environment", own: false, variables: process.env }]);
process.exitCode = await runWorker(config, {}, async () => ({ catalogue, catalogueUrl, programsFolder: "" }));
