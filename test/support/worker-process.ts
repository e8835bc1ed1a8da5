/** A worker with a catalogue of tests, as a process of its own that a test may kill. Settings come by the environment. */

import { runWorker } from "../../src/bin/worker.ts";
import { loadConfig } from "../../src/config/index.ts";
import { testCatalogue } from "./catalogue.ts";

const config = loadConfig([{ name: "the environment", own: false, variables: process.env }]);
const other = process.env["LOVAGE_TEST_CATALOGUE"];
process.exitCode = await runWorker(config, {}, async () => ({
  catalogue: other === undefined ? testCatalogue : (await import(other)).catalogue,
  catalogueUrl: other ?? new URL("catalogue.ts", import.meta.url).href,
  programsFolder: process.env["LOVAGE_TEST_PROGRAMS"] ?? "",
}));
