import type { LovageError } from "../core/errors.ts";
import type { CallMeta, Continuation } from "./codec.ts";

/**
 * The input of a call that comes after something: with `into`, what came before goes into that field; an input alone
 * stands as it is; without one, what came before is the input.
 */
export function inputAfter({ input, into }: Pick<Continuation, "input" | "into">, before: unknown): unknown {
  if (into === undefined) return input === undefined ? before : input;
  return { ...(input as object | undefined), ...(before !== undefined && { [into]: before }) };
}

/** How a job ended, as far as what comes next needs it. */
export type ContinuedEnd = { output: unknown } | { error: Pick<LovageError, "code" | "message"> };

/** The call that follows on a job's end, if the job was asked for one. */
export function callAfter(
  { id, task, queue }: { id: string; task: string; queue: string },
  meta: CallMeta,
  end: ContinuedEnd,
): { task: string; input: unknown } | undefined {
  const next = "output" in end ? meta.onSuccess : meta.onFailure;
  if (next === undefined) return undefined;
  const before =
    "output" in end
      ? end.output
      : { id, task, queue, error: { code: end.error.code, message: end.error.message } };
  return { task: next.task, input: inputAfter(next, before) };
}
