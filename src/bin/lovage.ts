#!/usr/bin/env node
import { enableCompileCache } from "node:module";
import { isProcess } from "../cli/process-names.ts";
import { onEarlySignal } from "../process/signals.ts";
import { keepYoungGenerationSmall } from "../process/young-generation.ts";

if (isProcess(process.argv[2])) {
  // It holds nothing yet that would have to be given back.
  onEarlySignal((signal) => {
    process.stderr.write(`${signal} before it was ready: stopped\n`);
    process.exit(0);
  });
}
// The second start of any command does not translate its TypeScript again.
enableCompileCache();
keepYoungGenerationSmall();
const { main } = await import("./main.ts");
process.exitCode = await main(process.argv.slice(2));
