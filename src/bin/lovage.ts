#!/usr/bin/env node
import { enableCompileCache } from "node:module";
import { keepYoungGenerationSmall } from "../process/young-generation.ts";

// The second start of any command does not translate its TypeScript again.
enableCompileCache();
keepYoungGenerationSmall();
const { main } = await import("./main.ts");
process.exitCode = await main(process.argv.slice(2));
