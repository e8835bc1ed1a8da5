import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { renderChart } from "../../bench/chart.ts";
import { chartsOf } from "../../bench/charts.ts";
import { BenchDocument } from "../../bench/document.ts";
import { withTables } from "../../bench/tables.ts";

const docs = join(import.meta.dirname, "../../docs");
const read = (file: string) => readFileSync(join(docs, file), "utf8");
const document = BenchDocument.parse(JSON.parse(read("performance.json")));
const page = read("performance.md");
const charts = chartsOf(document);
const remake = "run: node bench/plots.ts";

test("the page's tables are those of the run that is kept", () => {
  expect(withTables(page, document), remake).toBe(page);
});

test.each(charts)("the picture $name is that of the run that is kept", (chart) => {
  expect(renderChart(chart), remake).toBe(read(`pictures/performance-${chart.name}.svg`));
});

test("the pictures are those that the page shows, and no others", () => {
  const made = charts.map(({ name }) => `performance-${name}.svg`).toSorted();
  const shown = [...page.matchAll(/\(pictures\/(performance-[^)]+)\)/g)].map(([, file]) => file);
  expect(globSync("performance-*.svg", { cwd: join(docs, "pictures") }).toSorted(), remake).toEqual(made);
  expect(shown.toSorted()).toEqual(made);
});
