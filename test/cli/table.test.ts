import { stripVTControlCharacters } from "node:util";
import picocolors from "picocolors";
import { expect, test } from "vitest";
import { renderFields, renderTable, wrapWords } from "../../src/cli/table.ts";

const colors = picocolors.createColors(false);
const id = "lovage-ml-11111111-2222-3333-4444-555555555555-1";
const columns = [{ head: "id" }, { head: "state" }, { head: "what", wraps: true }];
const rows = [
  [id, "SUCCEEDED", "some words that say what this is about, at some length"],
  ["short", "FAILED", "few"],
];

test("without a terminal each row is one line", () => {
  const lines = renderTable({ colors, width: Number.POSITIVE_INFINITY }, columns, rows).split("\n");
  expect(lines).toHaveLength(3);
  expect(lines[2]).toMatch(/^short +FAILED +few$/);
});

test.each([200, 100, 82, 70, 55])("at a width of %i no line is longer and no id is broken", (width) => {
  const text = renderTable({ colors, width }, columns, rows);
  expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(width);
  expect(text).toContain(id);
  expect(text.replaceAll(/\s+/g, " ")).toContain("few");
});

test("even where an id is wider than the screen it stays whole", () => {
  expect(renderTable({ colors, width: 20 }, columns, rows)).toContain(id);
});

test("colours count for nothing in the layout", () => {
  const { green } = picocolors.createColors(true);
  const plain = renderTable({ colors, width: 100 }, columns, rows);
  const coloured = renderTable(
    { colors, width: 100 },
    columns,
    rows.map(([first = "", state = "", ...rest]) => [first, green(state), ...rest]),
  );
  expect(stripVTControlCharacters(coloured)).toBe(plain);
});

test("fields stand below each other, long values under themselves", () => {
  expect(
    renderFields({ colors, width: 20 }, [
      ["id", "x"],
      ["error", "one two three four"],
    ]),
  ).toBe("id     x\nerror  one two three\n       four");
});

test("words are never broken", () => {
  expect(wrapWords("aaaa bb cc\ndddddddd e", 5)).toBe("aaaa\nbb cc\ndddddddd\ne");
});
