/** A worker with a catalogue of tests, as a process of its own that a test may kill. Settings come by the environment. */

import { enableCompileCache } from "node:module";

// As Lovage's program does, and before anything else is loaded: a suite starts many of these.
enableCompileCache();
const [{ runWorker }, { loadConfig }, { testCatalogue }] = await Promise.all([
  import("../../src/bin/worker.ts"),
  import("../../src/config/index.ts"),
  import("./catalogue.ts"),
]);

const config = loadConfig([{ name: "the environment", own: false, variables: process.env }]);
const other = process.env["LOVAGE_TEST_CATALOGUE"];
process.exitCode = await runWorker(config, {}, async () => ({
  catalogue: other === undefined ? testCatalogue : (await import(other)).catalogue,
  catalogueUrl: other ?? new URL("catalogue.ts", import.meta.url).href,
  programsFolder: process.env["LOVAGE_TEST_PROGRAMS"] ?? "",
}));
