/**
 * Makes the figures of docs/reliability.md: `node test/chaos/page.ts result.json…` takes what `scripts/chaos.sh --json`
 * printed into docs/reliability.json, a later run of a fault instead of the one before. Without a file it makes the page anew.
 */

import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Figures, withFigures, withReport } from "./figures.ts";

const docs = join(import.meta.dirname, "../../docs");
const [kept, page] = [join(docs, "reliability.json"), join(docs, "reliability.md")];

let figures: Figures = { machine: {}, faults: [] };
if (existsSync(kept)) figures = Figures.parse(JSON.parse(readFileSync(kept, "utf8")));
for (const file of process.argv.slice(2))
  figures = withReport(figures, readFileSync(file, "utf8"), statSync(file).mtime.toISOString().slice(0, 10));
writeFileSync(kept, `${JSON.stringify(figures, null, 2)}\n`);
writeFileSync(page, withFigures(readFileSync(page, "utf8"), figures));
