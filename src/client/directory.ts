import * as z from "zod";
import { LovageError } from "../core/errors.ts";
import type { Broker } from "../queue/broker.ts";
import { readCallMeta, readJobOptions } from "../queue/enqueue-options.ts";
import { readManifests } from "../queue/manifests.ts";
import type { Target } from "../queue/producer.ts";
import { builtins } from "../task/builtin.ts";
import { callOptionNames, refuseUnknown } from "../task/call-options.ts";
import { type CanvasNode, callsOf } from "../task/canvas.ts";
import { type AnyTask, type Catalogue, kindOf, type TaskManifest, unknownTask } from "../task/catalogue.ts";
import { validate } from "../task/validation.ts";

/** Where a task's jobs go, and what its input must look like. */
export interface TaskEntry extends Target {
  input: z.ZodType;
}

/** What a client knows of the tasks: from a catalogue it was given, else from what the workers published in Redis. */
export interface TaskDirectory {
  /** @throws LovageError `TASK_UNKNOWN`, `CATALOGUE_EMPTY` */
  get(name: string): Promise<TaskEntry>;
  list(): Promise<TaskManifest[]>;
}

export function createDirectory(broker: Broker, catalogue: Catalogue | undefined): TaskDirectory {
  const entries = new Map<string, TaskEntry>();

  function fromManifest(manifest: TaskManifest): TaskEntry {
    // What JSON Schema cannot say (a refinement, a transformation) the worker checks.
    const input = z.fromJSONSchema(manifest.input as Parameters<typeof z.fromJSONSchema>[0]);
    return { name: manifest.name, queue: manifest.queue, retry: manifest.retry, kind: manifest.kind, input };
  }

  function fromTask(task: AnyTask): TaskEntry {
    return {
      name: task.name,
      queue: task.queue,
      retry: task.retry,
      kind: kindOf(task),
      input: task.input,
    };
  }

  return {
    async get(name) {
      const builtin = builtins.get(name);
      if (builtin !== undefined) return fromTask(builtin);
      if (catalogue !== undefined) return fromTask(catalogue.get(name));
      const known = entries.get(name);
      if (known !== undefined) return known;
      const manifests = await readManifests(broker);
      const manifest = manifests.find((candidate) => candidate.name === name);
      if (manifest === undefined) {
        if (manifests.length > 0)
          throw unknownTask(
            name,
            manifests.map((candidate) => candidate.name),
          );
        throw new LovageError(
          "CATALOGUE_EMPTY",
          `no worker has published its tasks in Redis at ${broker.address} yet`,
          {
            hint: "start a worker, or give createClient the catalogue: createClient({ redis, catalogue })",
          },
        );
      }
      const entry = fromManifest(manifest);
      entries.set(name, entry);
      return entry;
    },
    list: () => readManifests(broker),
  };
}

/** @throws LovageError `INPUT_INVALID` with every fault named */
export function checkInput(entry: TaskEntry, input: unknown): unknown {
  validate(entry.input, input, "INPUT_INVALID", `the input of ${entry.name}`);
  // What the caller wrote travels, not what the schema makes of it: the worker applies defaults and transformations.
  return input;
}

/**
 * Checks the calls of a composition, as far as their inputs are known before it runs.
 * @throws LovageError `TASK_UNKNOWN`, `INPUT_INVALID`
 */
export async function checkCanvas(directory: TaskDirectory, node: CanvasNode): Promise<void> {
  for (const { task, inputs, options, chunked } of callsOf(node)) {
    const entry = await directory.get(task);
    refuseUnknown(options, callOptionNames);
    readJobOptions(task, options);
    readCallMeta(options);
    if (chunked && entry.kind !== "task") {
      throw new LovageError("INPUT_INVALID", `${task} cannot be run in chunks`, {
        field: "task",
        value: task,
        hint: "chunks are for small tasks that run in the worker; use map for Ray tasks and workflows",
      });
    }
    for (const input of inputs ?? []) checkInput(entry, input);
  }
}
