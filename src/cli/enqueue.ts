import type { Command } from "commander";
import type { JobHandle } from "../client/index.ts";
import { LovageError } from "../core/errors.ts";
import { duration } from "./arguments.ts";
import type { CliDoors } from "./doors.ts";
import { addCallFlags, type CallFlags, readCallFlags } from "./enqueue-flags.ts";
import { exitCodes } from "./exit-codes.ts";
import { parseInput, readAll } from "./json-input.ts";
import type { Call, Run } from "./run.ts";
import { isServed, waitForJob } from "./wait.ts";

interface EnqueueFlags extends CallFlags {
  wait?: boolean;
  timeout?: string;
  json?: boolean;
}

/** `lovage enqueue`: puts a job into its task's queue, and with `--wait` follows it to its end. */
export function addEnqueueCommand(program: Command, run: Run, doors: CliDoors): void {
  const command = program
    .command("enqueue")
    .description("put a job into its task's queue")
    .argument("<task>", "the task's name; `lovage tasks` lists them")
    .argument("[input]", "the input as JSON, or - to read it from standard input", "{}")
    .option("--wait", "wait for the result and show progress")
    .option("--timeout <duration>", "how long to wait at most (default: 1h)", duration);
  addCallFlags(command)
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Prints the job's id; with --wait the result as JSON, with --json one document around either.
Durations are written as 30s, 15m, 2h, 1d.

Examples:
  lovage enqueue tasks.simple_tasks.ping --wait
  lovage enqueue tasks.data_tasks.process_large_csv - --wait --timeout 2h < request.json
  lovage enqueue tasks.simple_tasks.check_cluster_health --delay 10m --expires 1h
  lovage enqueue tasks.simple_tasks.ping --idempotency-key order-4711 --tag nightly --tag eu`,
    )
    .action((task: string, text: string, { wait = false, timeout, json: _json, ...flags }: EnqueueFlags) =>
      run(async (call) => {
        if (timeout !== undefined && !wait) {
          throw new LovageError("USAGE", "--timeout says how long to wait, so it needs --wait", {
            field: "timeout",
            hint: "add --wait, or --expires for a job that must not start late",
          });
        }
        const input = parseInput(text === "-" ? await readAll(doors.stdin) : text);
        const job = await call.client().enqueue(task, input, readCallFlags(flags));
        if (wait) return waitForJob(job, timeout ?? "1h", call, doors);
        const { id, queue } = job;
        call.screen.answer({ id, task, queue }, () => id);
        if (!call.screen.json) await sayWhatNext(job, call);
        return exitCodes.success;
      }),
    );
}

async function sayWhatNext({ id, task, queue }: JobHandle, { client, screen }: Call): Promise<void> {
  screen.note(`enqueued ${task} in queue ${queue}; what next:`);
  screen.note(`  lovage status ${id}`);
  screen.note(`  lovage logs ${id} --follow`);
  screen.note(`  lovage result ${id}`);
  if (!(await isServed(client(), queue))) {
    screen.note(`no worker is seen on queue ${queue}; start one: lovage worker --queues ${queue}`);
  }
}
