import type { Command } from "commander";
import type { Answers, AskOptions, Client } from "../client/index.ts";
import type { TaskTypes } from "../task/catalogue.ts";
import type { QueueName } from "../task/definition.ts";
import { queue, whole } from "./arguments.ts";
import { type AskFlags, asking, askOptions, reportAnswers } from "./asking.ts";
import { exitCodes } from "./exit-codes.ts";
import * as tables from "./inspect-tables.ts";
import type { Run } from "./run.ts";
import type { Screen } from "./screen.ts";

type Inspect = Client<TaskTypes>["inspect"];

/** `lovage inspect`: what workers say of themselves, and what Redis says of the queues. */
export function addInspectCommands(program: Command, run: Run): void {
  const inspect = program
    .command("inspect")
    .description("look at workers, queues and jobs")
    .addHelpText(
      "after",
      `
ping, active, registered, stats, conf and report ask the workers; exit code 1 when a live one did not answer.
workers, queues, scheduled and reserved read Redis.

Examples:
  lovage inspect ping
  lovage inspect active --worker ml@big-machine
  lovage inspect stats --json | jq '.answers[] | {worker, rss: .answer.memory.rss}'`,
    );

  function ask<Answer>(
    name: string,
    description: string,
    put: (door: Inspect, options: AskOptions) => Promise<Answers<Answer>>,
    text: (answers: Answers<Answer>["answers"], screen: Screen) => string,
  ): void {
    asking(inspect.command(name).description(description)).action((flags: AskFlags) =>
      run(async ({ client, screen }) => {
        const asked = await put(client().inspect, askOptions(flags));
        return reportAnswers(screen, flags, asked, (answers) => text(answers, screen));
      }),
    );
  }

  ask("ping", "see which workers answer, and how fast", (door, of) => door.ping(of), tables.ofPings);
  ask("active", "list the jobs that run now", (door, of) => door.active(of), tables.ofActiveJobs);
  ask(
    "registered",
    "list the tasks that workers know",
    (door, of) => door.registered(of),
    tables.ofRegisteredTasks,
  );
  ask("stats", "show workers' figures", (door, of) => door.stats(of), tables.ofStats);
  ask(
    "conf",
    "show workers' configuration, without secrets",
    (door, of) => door.conf(of),
    tables.ofConfigurations,
  );
  ask(
    "report",
    "show versions, machine and memory of workers",
    (door, of) => door.report(of),
    tables.ofReports,
  );

  inspect
    .command("workers")
    .description("list the workers that live, or lived within the hour, and those that are stuck")
    .option("--json", "print one JSON document")
    .action(() =>
      run(async ({ client, screen }) => {
        const workers = await client().inspect.workers();
        screen.answer(workers, () => tables.ofWorkers(workers, screen));
        return exitCodes.success;
      }),
    );

  inspect
    .command("queues")
    .description("show how many jobs each queue has, and how old the oldest is")
    .option("--json", "print one JSON document")
    .action(() =>
      run(async ({ client, screen }) => {
        const queues = await client().inspect.queues();
        screen.answer(queues, () => tables.ofQueues(queues, screen));
        return exitCodes.success;
      }),
    );

  function list(name: "scheduled" | "reserved", description: string, after: string): void {
    inspect
      .command(name)
      .description(description)
      .option("--queue <name>", "only this queue", queue)
      .option("--limit <n>", "how many of each queue", whole(1, 10_000), 20)
      .option("--json", "print one JSON document")
      .addHelpText("after", after)
      .action((options: { queue?: QueueName; limit: number }) =>
        run(async ({ client, screen }) => {
          const jobs = await client().inspect[name](options);
          screen.answer(jobs, () => tables.ofListedJobs(jobs, name, screen));
          return exitCodes.success;
        }),
      );
  }

  list("scheduled", "list the jobs that wait for their time, the next ones first", "");
  list(
    "reserved",
    "list the jobs that are next in line",
    `
Lovage's workers reserve nothing: a job is taken when a slot is free, and until then lies in Redis, where any
worker can take it. This shows which ones are next.`,
  );
}
