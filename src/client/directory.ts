import type * as z from "zod";
import type { Target } from "../queue/producer.ts";
import type { AnyTask } from "../task/catalogue.ts";
import { kindOf, type TaskManifest } from "../task/manifest.ts";

/** Where a task's jobs go, and what its input must look like. */
export interface TaskEntry extends Target {
  input: z.ZodType;
}

/** What a client knows of the tasks: from a catalogue it was given, else from what the workers published. */
export interface TaskDirectory {
  /** @throws LovageError `TASK_UNKNOWN`, `CATALOGUE_EMPTY` */
  get(name: string): Promise<TaskEntry>;
  list(): Promise<TaskManifest[]>;
}

/** What a task itself says. */
export function entryOf(task: AnyTask): TaskEntry {
  return { name: task.name, queue: task.queue, retry: task.retry, kind: kindOf(task), input: task.input };
}
