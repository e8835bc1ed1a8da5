import { stripVTControlCharacters } from "node:util";
import Table from "cli-table3";
import type { Screen } from "./screen.ts";

/** A column of a table. */
export interface Column {
  head: string;
  /** Whether its cells may be broken between words; ids, times and states are never broken. */
  wraps?: boolean;
}

type Paper = Pick<Screen, "colors" | "width">;

/** A column broken into narrower lines than this is no joy to read. */
const leastWidth = 20;
const gap = 2;

/**
 * A table without a frame, no wider than the screen. Where the columns do not fit, each row becomes a block of lines,
 * so that no id is ever cut: a cut id cannot be copied.
 */
export function renderTable(
  paper: Paper,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string {
  const heads = columns.map(({ head }) => head);
  const room = roomOfColumns(paper.width, columns, [heads, ...rows]);
  const broken = rows.map((row) => row.map((cell, at) => wrapWords(cell, room[at] ?? 0)));
  const width = sumOf(naturalWidths([heads, ...broken])) + gap * (columns.length - 1);
  if (width <= paper.width) return layOut([heads.map(paper.colors.bold), ...broken]);
  const blocks = rows.map((row) =>
    renderFields(
      paper,
      heads.map((head, at) => [head, row[at] ?? ""]),
    ),
  );
  return blocks.join("\n\n");
}

/** How wide each column may be: those that may be broken share what the others leave, the narrow ones first. */
function roomOfColumns(
  width: number,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): number[] {
  const room = naturalWidths(rows);
  const breakable = room.flatMap((natural, at) => (columns[at]?.wraps === true ? [{ at, natural }] : []));
  let free =
    width - gap * (columns.length - 1) - sumOf(room) + sumOf(breakable.map(({ natural }) => natural));
  for (const [index, { at, natural }] of breakable.toSorted((a, b) => a.natural - b.natural).entries()) {
    const share = Math.max(leastWidth, Math.floor(free / (breakable.length - index)));
    room[at] = Math.min(natural, share);
    free -= room[at];
  }
  return room;
}

/** Names and values below each other; values that are too wide are broken between words. */
export function renderFields(paper: Paper, fields: readonly (readonly [string, string])[]): string {
  const room = paper.width - Math.max(0, ...fields.map(([name]) => name.length)) - gap;
  return layOut(fields.map(([name, value]) => [paper.colors.dim(name), wrapWords(value, room)]));
}

/** Breaks lines between words; a word that is too long for a line stays whole. */
export function wrapWords(text: string, width: number): string {
  return text
    .split("\n")
    .map((line) => {
      if (widthOf(line) <= width) return line;
      const lines: string[] = [];
      for (const word of line.split(" ")) {
        const last = lines.at(-1);
        if (last !== undefined && widthOf(last) + 1 + widthOf(word) <= width)
          lines.splice(-1, 1, `${last} ${word}`);
        else lines.push(word);
      }
      return lines.join("\n");
    })
    .join("\n");
}

function layOut(rows: readonly (readonly string[])[]): string {
  const names = ["top", "bottom", "left", "mid", "right"].flatMap((edge) => [edge, `${edge}-mid`]);
  const corners = ["top-left", "top-right", "bottom-left", "bottom-right"];
  const table = new Table({
    chars: {
      ...Object.fromEntries([...names, ...corners].map((name) => [name, ""])),
      middle: " ".repeat(gap),
    },
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  for (const row of rows) table.push([...row]);
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

function widthOf(text: string): number {
  return Math.max(
    ...stripVTControlCharacters(text)
      .split("\n")
      .map((line) => line.length),
  );
}

function naturalWidths(rows: readonly (readonly string[])[]): number[] {
  const [first = []] = rows;
  return first.map((_head, at) => Math.max(...rows.map((row) => widthOf(row[at] ?? ""))));
}

function sumOf(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, 0);
}
