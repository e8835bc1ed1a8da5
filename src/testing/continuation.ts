import type { EagerJob } from "./eager-job.ts";

/** The call that follows on a job's end, if it was asked for. */
export function continuationOf(job: EagerJob): { task: string; input: unknown } | undefined {
  const { onSuccess, onFailure } = job.call.meta;
  const next = job.state === "completed" ? onSuccess : job.state === "cancelled" ? undefined : onFailure;
  if (next === undefined) return undefined;
  const given = job.state === "completed" ? job.output : failureOf(job);
  if (next.into === undefined)
    return { task: next.task, input: next.input === undefined ? given : next.input };
  return { task: next.task, input: { ...(next.input as object), [next.into]: given } };
}

function failureOf({ id, task, queue, error }: EagerJob) {
  return { id, task, queue, error: { code: error?.code, message: error?.message } };
}
