import type { Command } from "commander";
import type { LiveEvent } from "../client/index.ts";
import type { QueueName } from "../task/definition.ts";
import { queues } from "./arguments.ts";
import { plain } from "./error-report.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Run } from "./run.ts";
import type { Screen } from "./screen.ts";

/** `lovage events`: what happens to the jobs, line by line, until Ctrl-C. */
export function addEventsCommand(program: Command, run: Run): void {
  program
    .command("events")
    .description("show what happens to the jobs as it happens, until Ctrl-C")
    .option("--queue <names>", "only these queues, separated by commas", queues)
    .option("--since <cursor>", "go on after the event that has this cursor (see --json)")
    .option("--json", "print each event as one line of JSON, with its cursor")
    .addHelpText(
      "after",
      `
An event is no receipt: Redis keeps the last 10,000 or so of each queue. A gap says that some are gone.

Examples:
  lovage events --queue ml
  lovage events --json | jq -r 'select(.type == "failed") | .id'`,
    )
    .action(({ queue, since }: { queue?: QueueName[]; since?: string }) =>
      run(async ({ client, screen, onInterrupt }) => {
        let last = since;
        onInterrupt(() => ({
          message: "interrupted",
          ...(last !== undefined && { hint: `go on later with: lovage events --since ${last}` }),
        }));
        const options = { ...(queue && { queues: queue }), ...(since !== undefined && { since }) };
        for await (const event of client().events(options)) {
          last = event.cursor;
          screen.line(screen.json ? JSON.stringify(event) : lineOf(event, screen));
        }
        return exitCodes.success;
      }),
    );
}

/** The longest detail of a line; the whole is shown by --json. */
const detailLength = 120;

function lineOf(event: LiveEvent, { colors }: Screen): string {
  const time = event.at.toISOString().slice(11, 23);
  if (event.type === "gap")
    return `${colors.dim(time)} ${colors.red("gap")} in queue ${event.queue}: events are gone that nobody read`;
  const type = event.type.padEnd("waiting-children".length);
  const coloured =
    event.type === "completed"
      ? colors.green(type)
      : event.type === "failed" || event.type === "cancelled" || event.type === "expired"
        ? colors.red(type)
        : type;
  const detail = plain(detailOf(event)).replaceAll("\n", " ");
  const cut = detail.length > detailLength ? `${detail.slice(0, detailLength)}…` : detail;
  return `${colors.dim(time)} ${coloured} ${event.queue} ${event.id} ${event.task ?? "-"} ${colors.dim(cut)}`.trimEnd();
}

function detailOf(event: Exclude<LiveEvent, { type: "gap" }>): string {
  switch (event.type) {
    case "progress": {
      const { fraction, message } = event.progress;
      return `${fraction === null ? "" : `${Math.floor(fraction * 100)}% `}${message}`;
    }
    case "scheduled":
    case "retrying":
      return Number.isNaN(event.until.getTime()) ? "" : `at ${event.until.toISOString()}`;
    case "failed":
    case "cancelled":
    case "expired":
      return `${event.error.code}: ${event.error.message}`;
    default:
      return "";
  }
}
