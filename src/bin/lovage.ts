#!/usr/bin/env node
import { enableCompileCache } from "node:module";

// The second start of any command does not translate its TypeScript again.
enableCompileCache();
const { main } = await import("./main.ts");
process.exitCode = await main(process.argv.slice(2));
