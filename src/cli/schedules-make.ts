import { type Command, InvalidArgumentError, Option } from "commander";
import type { OverlapPolicy, ScheduleOptions } from "../client/index.ts";
import type { QueueName } from "../task/definition.ts";
import { duration, queue, whole } from "./arguments.ts";
import { confirm } from "./confirm.ts";
import type { CliDoors } from "./doors.ts";
import { collect, moment } from "./enqueue-flags.ts";
import { exitCodes } from "./exit-codes.ts";
import { parseInput, readAll } from "./json-input.ts";
import { formatMoment } from "./moments.ts";
import type { Run } from "./run.ts";

interface CreateFlags {
  name?: string;
  description?: string;
  every?: string;
  cron?: string;
  timeZone?: string;
  start?: string;
  end?: string;
  limit?: number;
  jitter?: string;
  overlap?: OverlapPolicy;
  missed?: NonNullable<ScheduleOptions["missed"]>;
  queue?: QueueName;
  priority?: number;
  attempts?: number;
  expires?: string;
  timeLimit?: string;
  rayCluster?: string;
  tag?: string[];
  json?: boolean;
}

/** `lovage schedules create` and `remove`. */
export function addMakeCommands(schedules: Command, run: Run, doors: CliDoors): void {
  schedules
    .command("create")
    .description("make a schedule")
    .argument("<task>", "the task's name; `lovage tasks` lists them")
    .argument("[input]", "the input as JSON, or - to read it from standard input", "{}")
    .option("--every <duration>", 'an interval: "15m"', duration)
    .option("--cron <expression>", '"minute hour day month weekday", or with seconds first')
    .option("--time-zone <name>", "in which the expression is read (default: UTC)")
    .option("--name <name>", "the schedule's name (default: the task's)")
    .option("--description <text>", "what it is for")
    .option("--start <moment>", "no time lies before: 2027-01-31T08:00:00Z", moment)
    .option("--end <moment>", "no time lies after", moment)
    .option("--limit <n>", "how often it fires in all", whole(1, 999_999_999))
    .option("--jitter <duration>", "each job up to so much later, at random", duration)
    .addOption(
      new Option("--overlap <policy>", "when the earlier job has not ended (default: skip)").choices([
        "allow",
        "skip",
        "queue",
        "cancel",
      ]),
    )
    .option("--missed <policy>", "skip, once (default), or a window to make up for: 6h", missed)
    .option("--queue <name>", "another queue than the task's own", queue)
    .option("--priority <0-9>", "0, the default, goes first; 9 goes last", whole(0, 9))
    .option("--attempts <n>", "attempts in all (default: the task's own)", whole(1, 1000))
    .option("--expires <duration>", "its jobs are not started later than so long after their time", duration)
    .option("--time-limit <duration>", "ends an attempt after so long", duration)
    .option("--ray-cluster <name>", "another Ray cluster than the task's own")
    .option("--tag <tag>", "a word to find its jobs by; may be given again", collect)
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  lovage schedules create tasks.simple_tasks.ping --every 1m --name heartbeat
  lovage schedules create tasks.data_tasks.aggregate_data - --cron "30 6 * * 1-5" --time-zone Asia/Dhaka < request.json`,
    )
    .action((task: string, text: string, { json: _json, tag, ...flags }: CreateFlags) =>
      run(async ({ client, screen }) => {
        const input = parseInput(text === "-" ? await readAll(doors.stdin) : text);
        const options = { ...flags, input, ...(tag !== undefined && { tags: tag }) };
        const schedule = await client().schedules.create(task, options);
        const { name, next } = schedule;
        const when = next === null ? "it has no time to come" : `next at ${formatMoment(next)}`;
        screen.answer(schedule, () => `made ${name}; ${when}`);
        return exitCodes.success;
      }),
    );

  schedules
    .command("remove")
    .description("remove a schedule that was made; its jobs stay")
    .argument("<name>", "a schedule's name")
    .option("--yes", "do not ask")
    .option("--json", "print one JSON document")
    .action((name: string, { yes = false }: { yes?: boolean }) =>
      run(async ({ client, screen }) => {
        if (!yes && !(await confirm(`Remove the schedule ${name}?`, doors, screen.json))) {
          screen.note("nothing was removed");
          return exitCodes.failure;
        }
        await client().schedules.remove(name);
        screen.answer({ removed: name }, () => `${name} is removed`);
        return exitCodes.success;
      }),
    );
}

function missed(text: string): NonNullable<ScheduleOptions["missed"]> {
  if (text === "skip" || text === "once") return text;
  try {
    return { within: duration(text) };
  } catch {
    throw new InvalidArgumentError('It takes skip, once, or a window such as "6h".');
  }
}
