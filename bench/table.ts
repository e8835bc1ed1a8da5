import Table from "cli-table3";
import type { BenchDocument } from "./document.ts";

/** A document as a table for a terminal. */
export function renderTable({ shapes, machine, versions, quick, faults }: BenchDocument): string {
  const table = new Table({
    head: ["shape", "peer", "median", "min – max", "ratio", "goal"],
    colAligns: ["left", "left", "right", "right", "right", "left"],
    style: { head: [], border: [], compact: true },
  });
  for (const { title, unit, peers, goal, met } of shapes) {
    for (const [index, each] of peers.entries()) {
      table.push([
        index === 0 ? title : "",
        each.peer,
        `${figureText(each.median)} ${unit}`,
        `${figureText(each.min)} – ${figureText(each.max)}`,
        each.ratio.toFixed(2),
        each.peer === "lovage" && goal !== undefined ? `${goal}: ${met ? "met" : "MISSED"}` : "",
      ]);
    }
  }
  const stands = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const broken = faults.map(
    ({ shape, peer, round, error }) => `broke off: ${shape}, ${peer}, round ${round}: ${error}\n`,
  );
  return (
    `${table.toString()}\n${machine.cpus} CPUs (${machine.cpu}), ${machine.memoryGiB} GiB; ${stands.join(", ")}\n` +
    `${quick ? "A quick run: its figures say that all works, not how fast.\n" : ""}${broken.join("")}`
  );
}

/** A figure with as many digits as mean something. */
export function figureText(value: number): string {
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toLocaleString("en-US");
  return value.toFixed(size >= 10 ? 1 : 2);
}
