import type * as z from "zod";
import { LovageError } from "../core/errors.ts";
import { suggestion } from "../core/suggestion.ts";
import { builtinPrefix, builtins } from "./builtin.ts";
import type { Task } from "./definition.ts";

export { describeTask, describeTaskOn, kindOf, type TaskManifest } from "./manifest.ts";

/** Any task at all; `any` would do the same less safely: `run` takes what the task's own schema makes. */
export type AnyTask = Omit<Task, "run"> & {
  readonly run?: (input: never, context: never) => Promise<unknown>;
};

/** The tasks of a deployment, by name. */
export interface Catalogue<Definitions extends readonly AnyTask[] = readonly AnyTask[]> {
  readonly tasks: Definitions;
  /** @throws LovageError `TASK_UNKNOWN`, with the nearest name as a suggestion */
  get(name: string): AnyTask;
}

/** The input (as a caller writes it) and the output of each task of a catalogue, by name. */
export type TasksOf<C> =
  C extends Catalogue<infer Definitions>
    ? {
        [T in Definitions[number] as T["name"]]: {
          input: z.input<T["input"]>;
          output: z.output<T["output"]>;
        };
      }
    : never;

/** The shape that `createClient<Tasks>` takes: {@link TasksOf} makes it. */
export type TaskTypes = Record<string, { input: unknown; output: unknown }>;

/**
 * Registers tasks, each named once.
 * @throws LovageError `TASK_DUPLICATE` when two have the same name, `SCHEDULE_EXISTS` when two schedules have
 */
export function createCatalogue<const Definitions extends readonly AnyTask[]>(
  tasks: Definitions,
): Catalogue<Definitions> {
  const byName = new Map<string, AnyTask>();
  const schedules = new Set<string>();
  for (const task of tasks) {
    if (task.name.startsWith(builtinPrefix)) {
      throw new LovageError("TASK_INVALID", `the name ${task.name} is taken: Lovage's own tasks begin so`, {
        field: "name",
        value: task.name,
        hint: `choose a name that does not begin with "${builtinPrefix}"`,
      });
    }
    if (byName.has(task.name)) {
      throw new LovageError("TASK_DUPLICATE", `two tasks are named ${task.name}`, {
        field: "name",
        value: task.name,
        hint: "rename one, or register it once only",
      });
    }
    byName.set(task.name, task);
    for (const { name } of task.schedules) {
      if (schedules.has(name)) {
        throw new LovageError("SCHEDULE_EXISTS", `two schedules are named ${name}`, {
          field: "schedule.name",
          value: name,
          hint: "give each of them a name of its own",
        });
      }
      schedules.add(name);
    }
  }
  return Object.freeze({
    tasks,
    get(name: string): AnyTask {
      const task = byName.get(name) ?? builtins.get(name);
      if (task !== undefined) return task;
      throw unknownTask(name, [...byName.keys()]);
    },
  });
}

export function unknownTask(name: string, known: readonly string[]): LovageError {
  const near = suggestion(name, known);
  return new LovageError("TASK_UNKNOWN", `no task is named ${JSON.stringify(name)}`, {
    field: "task",
    value: name,
    hint: near === undefined ? `there are: ${known.join(", ")}` : `did you mean ${near}?`,
  });
}
