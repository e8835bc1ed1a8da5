import { LovageError } from "../core/errors.ts";
import { type EnqueueOptions, readCallMeta, readJobOptions } from "../queue/enqueue-options.ts";
import { callOptionNames, refuseUnknown } from "../task/call-options.ts";
import { type CanvasNode, callsOf } from "../task/canvas.ts";
import type { Continuation } from "../task/codec.ts";
import { unknownCluster } from "../task/ray-clusters.ts";
import { validate } from "../task/validation.ts";
import type { TaskDirectory, TaskEntry } from "./directory.ts";

/** A call by its task's name, before anything is known of that. */
export interface PlainCall {
  task: string;
  input: unknown;
  options?: EnqueueOptions;
}

/** What is known of the tasks. */
type Known = Pick<TaskDirectory, "get">;

/** @throws LovageError `INPUT_INVALID` with every fault named */
export function checkInput(entry: TaskEntry, input: unknown): unknown {
  validate(entry.input, input, "INPUT_INVALID", `the input of ${entry.name}`);
  // What the caller wrote travels, not what the schema makes of it: the worker applies defaults and transformations.
  return input;
}

/**
 * Checks the Ray cluster that a call asks for against those that the workers know; where none has published any yet, a
 * worker will tell.
 * @throws LovageError `RAY_CLUSTER_UNKNOWN`
 */
export async function checkRayCluster(
  directory: Pick<TaskDirectory, "list">,
  task: string,
  { rayCluster }: Pick<EnqueueOptions, "rayCluster">,
): Promise<void> {
  if (rayCluster === undefined) return;
  // Read anew each time: a worker with another configuration may have started since.
  const known = (await directory.list()).find(({ name }) => name === task)?.ray?.clusters;
  if (known !== undefined && !known.includes(rayCluster)) throw unknownCluster(rayCluster, known);
}

/**
 * Checks the calls of a composition, as far as their inputs are known before it runs.
 * @throws LovageError `TASK_UNKNOWN`, `INPUT_INVALID`
 */
export async function checkCanvas(directory: Known, node: CanvasNode): Promise<void> {
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

/** @throws LovageError `TASK_UNKNOWN`, `INPUT_INVALID` with the option in front of the field */
export async function checkContinuations(
  directory: Known,
  options: Pick<EnqueueOptions, "onSuccess" | "onFailure">,
): Promise<void> {
  for (const field of ["onSuccess", "onFailure"] as const) {
    const next = options[field];
    if (next !== undefined) await checkContinuation(directory, field, next);
  }
}

async function checkContinuation(
  directory: Known,
  field: string,
  { task, input, into }: Continuation,
): Promise<void> {
  try {
    const entry = await directory.get(task);
    // With `into`, or without an input, what the job ends with is still to come.
    if (into === undefined && input !== undefined) checkInput(entry, input);
  } catch (error) {
    if (!(error instanceof LovageError)) throw error;
    const where = error.code === "INPUT_INVALID" ? ["input", error.field].filter(Boolean).join(".") : "task";
    throw new LovageError(error.code, `${field}: ${error.message}`, {
      field: `${field}.${where}`,
      value: error.value,
      hint: error.hint,
      cause: error.cause,
    });
  }
}
