/**
 * Makes what the documentation shows of a run: `node bench/plots.ts result.json` takes the run's document as
 * docs/performance.json and writes the tables of docs/performance.md and the pictures beside it. Without a file it makes
 * them anew from docs/performance.json.
 */

import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { renderChart } from "./chart.ts";
import { chartsOf } from "./charts.ts";
import { BenchDocument } from "./document.ts";
import { withTables } from "./tables.ts";

const docs = join(import.meta.dirname, "../docs");
const pictures = join(docs, "pictures");
const page = join(docs, "performance.md");
const kept = join(docs, "performance.json");

const document = BenchDocument.parse(JSON.parse(readFileSync(process.argv[2] ?? kept, "utf8")));
writeFileSync(kept, `${JSON.stringify(document, null, 2)}\n`);
writeFileSync(page, withTables(readFileSync(page, "utf8"), document));
mkdirSync(pictures, { recursive: true });
for (const old of globSync("performance-*.svg", { cwd: pictures })) rmSync(join(pictures, old));
for (const chart of chartsOf(document))
  writeFileSync(join(pictures, `performance-${chart.name}.svg`), renderChart(chart));
