import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type Figures, limitsOf } from "../../bench/scaling/figures.ts";
import { fill } from "../../bench/scaling/page.ts";

const read = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), "utf8");
const figures = JSON.parse(read("scaling.json")) as Figures;

test("the page's tables are those that its figures make", () => {
  const page = read("scaling.md");
  expect(fill(page, figures), "run: node bench/scaling.ts --write").toBe(page);
  for (const name of ["machine", "costs", "limits", "rates"]) expect(page).toContain(`<!-- ${name} -->\n`);
  expect(page).not.toMatch(/<!-- \w+ -->\n<!-- end -->/);
});

test("what its sentences say of the figures is so", () => {
  const limits = limitsOf(figures);
  // "One Redis does it", and "beyond one Redis by more than an order of magnitude".
  expect(limits.redis).toBeGreaterThan(1000);
  expect(limits.redis).toBeLessThan(10_000);
});
