import * as z from "zod";
import { LovageError } from "../core/errors.ts";
import type { Target } from "../queue/producer.ts";
import { builtins } from "../task/builtin.ts";
import { type AnyTask, type Catalogue, kindOf, type TaskManifest, unknownTask } from "../task/catalogue.ts";

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

/** Where the manifests that the workers published are read. */
export interface ManifestSource {
  list(): Promise<TaskManifest[]>;
  /** For people. */
  readonly address: string;
}

export function createDirectory(
  { list, address }: ManifestSource,
  catalogue: Catalogue | undefined,
): TaskDirectory {
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
      const manifests = await list();
      const manifest = manifests.find((candidate) => candidate.name === name);
      if (manifest === undefined) {
        if (manifests.length > 0)
          throw unknownTask(
            name,
            manifests.map((candidate) => candidate.name),
          );
        throw new LovageError("CATALOGUE_EMPTY", `no worker has published its tasks at ${address} yet`, {
          hint: "start a worker, or give createClient the catalogue: createClient({ redis, catalogue })",
        });
      }
      const entry = fromManifest(manifest);
      entries.set(name, entry);
      return entry;
    },
    list,
  };
}
