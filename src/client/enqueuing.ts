import { LovageError } from "../core/errors.ts";
import type { EnqueueOptions } from "../queue/enqueue-options.ts";
import { prepareJob } from "../queue/producer.ts";
import type { Continuation } from "../task/codec.ts";
import { type ClientParts, handleOf } from "./connection.ts";
import { checkInput, type TaskDirectory, type TaskEntry } from "./directory.ts";
import type { JobHandle } from "./handle.ts";

/** A call by its task's name, before anything is known of that. */
export interface PlainCall {
  task: string;
  input: unknown;
  options?: EnqueueOptions;
}

/** Checks all calls, then sends them; handles come in order. */
export async function enqueueAll(
  parts: ClientParts,
  calls: readonly PlainCall[],
): Promise<JobHandle<never>[]> {
  let until = Date.now() + parts.timeout;
  const jobs = [];
  const entries = new Map<string, TaskEntry>();
  for (const { task, input, options } of calls) {
    const entry = entries.get(task) ?? (await parts.inTime(parts.directory.get(task)));
    entries.set(task, entry);
    const job = prepareJob(entry, checkInput(entry, input), options);
    if (options?.onSuccess !== undefined || options?.onFailure !== undefined)
      await checkContinuations(parts, options);
    jobs.push(job);
  }
  if (jobs.length === 0) return [];
  if (parts.gate !== undefined) {
    const asked = Date.now();
    await parts.gate.before(jobs);
    // The time that hooks take is not Redis'.
    until += Date.now() - asked;
  }
  const places = await parts.sender.send(jobs, Math.max(0, until - Date.now()));
  const handles = jobs.map(({ name: task, opts, queue }, index) =>
    handleOf(parts, { id: opts.jobId, queue, ...places[index], task }),
  );
  await parts.gate?.after(jobs, handles);
  return handles;
}

/** @throws LovageError `TASK_UNKNOWN`, `INPUT_INVALID` with the option in front of the field */
export async function checkContinuations(
  { directory, inTime }: Pick<ClientParts, "directory" | "inTime">,
  options: Pick<EnqueueOptions, "onSuccess" | "onFailure">,
): Promise<void> {
  for (const field of ["onSuccess", "onFailure"] as const) {
    const next = options[field];
    if (next !== undefined) await inTime(checkContinuation(directory, field, next));
  }
}

async function checkContinuation(
  directory: TaskDirectory,
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
