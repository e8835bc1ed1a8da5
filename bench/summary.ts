/** One table of several reports, given as files: `summary.ts drain.json …`. Ends with 1 when a goal is missed. */

import { readFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { met, type Report, renderTable } from "./report.ts";

const reports = process.argv.slice(2).map((file) => JSON.parse(readFileSync(file, "utf8")) as Report);
const missed = reports.flatMap(({ findings }) => findings).filter((finding) => met(finding) === false);
const machine = `Node ${process.version}, ${availableParallelism()} CPUs (${cpus()[0]?.model ?? "unknown"}), ${process.platform}`;
process.stdout.write(`\n${renderTable(reports)}\n${machine}\n`);
if (missed.length > 0) {
  process.stdout.write(`missed: ${missed.map(({ what }) => what).join("; ")}\n`);
  process.exitCode = 1;
}
