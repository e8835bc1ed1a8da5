import type { Command } from "commander";
import type { WorkflowNode } from "../client/index.ts";
import { formatMilliseconds } from "../core/durations.ts";
import { isEnded } from "../core/states.ts";
import type { QueueName } from "../task/definition.ts";
import { queueOption, whole } from "./arguments.ts";
import { plain } from "./error-report.ts";
import { exitCodes } from "./exit-codes.ts";
import { formatBetween } from "./moments.ts";
import type { Run } from "./run.ts";
import type { Screen } from "./screen.ts";

interface WorkflowFlags {
  queue?: QueueName;
  calls?: number;
}

/** `lovage workflow`: a workflow and what it called, as a tree. */
export function addWorkflowCommand(program: Command, run: Run): void {
  program
    .command("workflow")
    .description("show a workflow and its calls as a tree, with states and times")
    .argument("<id>", "the workflow's job id")
    .addOption(queueOption())
    .option("--calls <n>", "show so many calls of each workflow (default: 100)", whole(1, 100_000))
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
A call's own job is shown by lovage status ID~PLACE, as the tree names it.

Examples:
  lovage workflow 3f0c6a52-5a7e-4c0f-9d0e-0f7b1f7a9c11
  lovage workflow nightly --calls 1000 --json`,
    )
    .action((id: string, { queue, calls }: WorkflowFlags) =>
      run(async ({ client, screen }) => {
        const tree = await client().workflow(id, {
          ...(queue && { queue }),
          ...(calls !== undefined && { maxCalls: calls }),
        });
        screen.answer(tree, () => renderTree(tree, screen, new Date()));
        return exitCodes.success;
      }),
    );
}

/** The tree as lines: what was called, its state, how long it took, and what went wrong. */
export function renderTree(root: WorkflowNode, screen: Pick<Screen, "colors">, now: Date): string {
  const lines: string[] = [];
  const { colors } = screen;

  function add(node: WorkflowNode, first: string, rest: string): void {
    const facts = [nameOf(node, colors), stateOf(node, colors), timesOf(node, now)];
    if (node.attempt > 1) facts.push(colors.yellow(`attempt ${node.attempt} of ${node.attempts}`));
    lines.push(first + facts.filter((fact) => fact !== "").join("  ") + colors.dim(idOf(node)));
    const hidden = node.counts.calls - node.calls.length;
    const last = node.calls.length - 1;
    const stem = node.calls.length > 0 || hidden > 0 ? "│  " : "   ";
    if (node.error !== undefined) {
      lines.push(
        `${rest}${stem}${colors.red(node.error.code)}: ${plain(node.error.message).split("\n")[0] ?? ""}`,
      );
    }
    for (const [index, call] of node.calls.entries()) {
      const isLast = index === last && hidden <= 0;
      add(call, rest + (isLast ? "└─ " : "├─ "), rest + (isLast ? "   " : "│  "));
    }
    if (hidden > 0) {
      const { completed, failed, pending } = node.counts;
      lines.push(
        `${rest}└─ ${colors.dim(`… ${hidden} more ${hidden === 1 ? "call" : "calls"} (of all: ${completed} completed, ${failed} failed, ${pending} pending)`)}`,
      );
    }
  }

  add(root, "", "");
  return lines.join("\n");
}

function nameOf(node: WorkflowNode, colors: Screen["colors"]): string {
  if (node.kind === "sleep") return `sleep ${formatMilliseconds(Number(node.name))}`;
  return node.kind === "step" ? `step ${plain(node.name)}` : colors.bold(plain(node.name));
}

/** A call's id ends with its place, which is enough to find it by. */
function idOf({ id, kind }: WorkflowNode): string {
  const place = id.lastIndexOf("~");
  if (kind === "step") return "";
  return `  ${place > 0 ? id.slice(place) : id}`;
}

function stateOf({ state }: WorkflowNode, colors: Screen["colors"]): string {
  if (state === "completed") return colors.green(state);
  return isEnded(state) ? colors.red(state) : colors.cyan(state);
}

function timesOf({ kind, enqueuedAt, startedAt, endedAt }: WorkflowNode, now: Date): string {
  if (enqueuedAt === undefined) return "";
  // A sleep takes as long as it is scheduled; of what runs or ran, the waiting is told apart.
  if (kind === "sleep") return formatBetween(enqueuedAt, endedAt ?? now);
  if (startedAt === undefined) return `waits ${formatBetween(enqueuedAt, now)}`;
  const waited = startedAt.getTime() - enqueuedAt.getTime();
  const ran = formatBetween(startedAt, endedAt ?? now);
  return waited >= 1000 ? `${ran} after ${formatMilliseconds(waited)} of waiting` : ran;
}
