import type { Command } from "commander";
import { LovageError } from "../core/errors.ts";
import { type TaskManifest, unknownTask } from "../task/catalogue.ts";
import { describeFields, exampleInput } from "../task/schema-fields.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Run } from "./run.ts";
import type { Screen } from "./screen.ts";
import { renderTable, wrapWords } from "./table.ts";

/** `lovage tasks`: the tasks that the workers published, or one with its fields. */
export function addTasksCommand(program: Command, run: Run): void {
  program
    .command("tasks")
    .description("list the tasks that workers know, or show one task's input")
    .argument("[task]", "a task's name")
    .option("--json", "print one JSON document; inputs and outputs are JSON Schema")
    .addHelpText(
      "after",
      `
Examples:
  lovage tasks
  lovage tasks tasks.data_tasks.aggregate_data`,
    )
    .action((name: string | undefined) =>
      run(async ({ client, screen }) => {
        const tasks = await client().tasks();
        if (name !== undefined) {
          const task = findTask(tasks, name);
          screen.answer(task, () => describeTask(task, screen));
          return exitCodes.success;
        }
        screen.answer(tasks, () => listTasks(tasks, screen));
        if (tasks.length === 0) screen.note("start a worker (lovage worker), and its tasks are listed here");
        return exitCodes.success;
      }),
    );
}

function findTask(tasks: readonly TaskManifest[], name: string): TaskManifest {
  const task = tasks.find((candidate) => candidate.name === name);
  if (task !== undefined) return task;
  if (tasks.length === 0) throw new LovageError("CATALOGUE_EMPTY", "no worker has published its tasks yet");
  throw unknownTask(
    name,
    tasks.map((candidate) => candidate.name),
  );
}

function listTasks(tasks: readonly TaskManifest[], screen: Screen): string {
  if (tasks.length === 0) return "no tasks";
  const columns = [
    { head: "name" },
    { head: "queue" },
    { head: "runs on" },
    { head: "what it does", wraps: true },
  ];
  const rows = tasks.map(({ name, queue, kind, description }) => [name, queue, kindText(kind), description]);
  return renderTable(screen, columns, rows);
}

function describeTask(task: TaskManifest, screen: Screen): string {
  const { name, queue, kind, retry } = task;
  const rows = describeFields(task.input).map((field) => [
    field.path,
    field.type,
    field.required
      ? "required"
      : field.default === undefined
        ? ""
        : `default ${JSON.stringify(field.default)}`,
    field.description,
  ]);
  const columns = [
    { head: "input" },
    { head: "type", wraps: true },
    { head: "" },
    { head: "meaning", wraps: true },
  ];
  const example = JSON.stringify(exampleInput(task.input));
  const attempts = retry.attempts === 1 ? "1 attempt" : `${retry.attempts} attempts`;
  return [
    screen.colors.bold(name),
    ...(task.description === "" ? [] : [wrapWords(task.description, screen.width)]),
    `queue ${queue}, runs on ${kindText(kind)}, ${attempts}`,
    "",
    rows.length === 0 ? "It takes no input." : renderTable(screen, columns, rows),
    "",
    "Example:",
    `  lovage enqueue ${name}${example === "{}" ? "" : ` ${shellQuoted(example)}`} --wait`,
  ].join("\n");
}

function kindText(kind: TaskManifest["kind"]): string {
  return kind === "ray" ? "Ray" : "worker";
}

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
