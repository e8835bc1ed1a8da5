import type { BenchDocument, ShapeResult } from "./document.ts";
import { withMadePart } from "./made-part.ts";
import { figureText } from "./table.ts";

/** A page with the tables of a document. */
export function withTables(page: string, document: BenchDocument): string {
  return withMadePart(page, "performance.json", renderTables(document));
}

/** Where it was measured, and a table for each way of measuring. */
function renderTables(document: BenchDocument): string {
  const { machine, versions, measuredAt, quick, seconds, note, missing, faults } = document;
  const stands = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const facts = [
    `Measured on ${measuredAt.slice(0, 10)} within ${Math.ceil(seconds / 60)} min, on ${machine.cpus} CPUs (${machine.cpu}), ${machine.memoryGiB} GiB, ${machine.platform}; ${stands.join(", ")}.`,
    ...(quick ? ["This was a quick run: it says that all works, not how fast."] : []),
    ...(note === undefined ? [] : [`**${note}**`]),
    ...missing.map(({ name, reason }) => `${name} is left out: ${reason}.`),
    ...faults.map(
      ({ shape, peer, round, error }) =>
        `${peer} broke off in round ${round} of ${shape}: ${firstLine(error)}.`,
    ),
  ];
  const groups = Map.groupBy(document.shapes, ({ command }) => command);
  return [facts.join("\n"), ...[...groups].map(([command, shapes]) => renderGroup(command, shapes))].join(
    "\n\n",
  );
}

function renderGroup(command: string, shapes: readonly ShapeResult[]): string {
  const peers = [...new Set(shapes.flatMap((shape) => shape.peers.map(({ peer }) => peer)))];
  const head = ["", ...peers, "goal", ""];
  const align = ["---", ...peers.map(() => "---:"), "---", "---"];
  const rows = shapes.map((shape) => [
    `${shape.title}, ${shape.unit}`,
    ...peers.map((peer) => cell(shape, peer)),
    shape.goal ?? "",
    shape.met === undefined ? "" : shape.met ? "met" : "**missed**",
  ]);
  const lines = [head, align, ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  return [`\`${command}\``, shapes[0]?.method ?? "", lines.join("\n")].join("\n\n");
}

/** The median, and in brackets the ratio to the baseline. */
function cell({ peers, baseline }: ShapeResult, peer: string): string {
  const result = peers.find((each) => each.peer === peer);
  if (result === undefined) return "–";
  const median = figureText(result.median);
  return peer === baseline ? median : `${median} (${result.ratio.toFixed(2)})`;
}

function firstLine(text: string): string {
  return text.split("\n")[0]?.replace(/\.$/, "") ?? "";
}
