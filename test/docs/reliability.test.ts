import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Figures, withFigures, withReport } from "../chaos/figures.ts";
import { faults } from "../chaos/index.ts";

const read = (file: string) => readFileSync(join(import.meta.dirname, "../../docs", file), "utf8");
const page = read("reliability.md");
const figures = Figures.parse(JSON.parse(read("reliability.json")));
const remake = "run: node test/chaos/page.ts";

test("the page's figures are those of the runs that are kept", () => {
  expect(withFigures(page, figures), remake).toBe(page);
});

test("each fault is explained, and has figures", () => {
  const names = faults.map(({ name }) => name);
  expect(names.filter((name) => !page.includes(`| \`${name}\`: `))).toEqual([]);
  expect(figures.faults.map(({ fault }) => fault)).toEqual(names);
});

test("a run takes the place of the same fault's last one; what it left out changes nothing", () => {
  const [first, second] = figures.faults;
  const line = { ...first, rounds: 77, lost: 1, passed: false };
  const report = { seed: 5, machine: { cpus: 9 }, faults: [line, { ...second, skipped: "no root" }] };

  const told = withReport(figures, JSON.stringify(report), "2030-01-02");

  expect(told.faults[0]).toMatchObject({ rounds: 77, seed: 5, measuredOn: "2030-01-02" });
  expect(told.faults.slice(1)).toEqual(figures.faults.slice(1));
  expect(withFigures(page, told)).toMatch(/\(\*\*failed\*\*\) \| 77 .* \*\*1\*\* /);
});
