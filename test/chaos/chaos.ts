/**
 * Runs each fault under a steady load and balances the books after it.
 * node test/chaos/chaos.ts [--quick] [--json] [--seed N] [--only name,…] [--rounds N]
 */

import { readArguments } from "./arguments.ts";
import { faults } from "./index.ts";
import { readMachine } from "./machine.ts";
import { type ChaosReport, failed, renderReport } from "./report.ts";
import { runSuite } from "./suite.ts";

function read() {
  try {
    return readArguments(process.argv.slice(2), faults);
  } catch (error) {
    process.stderr.write(`error: ${(error as Error).message}\n`);
    process.exit(2);
  }
}

const { faults: asked, json, ...options } = read();
const over = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  // The second one does not wait for what is tidied up.
  process.on(signal, () => (over.signal.aborted ? process.exit(130) : over.abort("told to end")));
}
const begun = performance.now();
const clock = () => `${Math.round((performance.now() - begun) / 1000)} s`.padStart(6);
const say = (text: string) => void process.stderr.write(`${clock()}  ${text}\n`);
const machine = readMachine();
say(`seed ${options.seed}, ${asked.length} faults`);
const found = await runSuite({ ...options, faults: asked, machine, say, signal: over.signal });
const { lacks: _lacks, ...facts } = machine;
const report: ChaosReport = { seed: options.seed, quick: options.quick, machine: facts, faults: found };
process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : renderReport(report));
process.exit(failed(report) || over.signal.aborted ? 1 : 0);
