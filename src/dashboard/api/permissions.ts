import { type CanvasNode, callsOf } from "../../task/canvas.ts";
import type { Caller } from "./caller.ts";

interface Continued {
  onSuccess?: { task: string } | undefined;
  onFailure?: { task: string } | undefined;
}

/** The tasks that are called when a job ends are enqueued by whoever asked for it. */
export function requireContinuations(caller: Caller, options: Continued | undefined): void {
  for (const next of [options?.onSuccess, options?.onFailure])
    if (next !== undefined) caller.requireTask(next.task);
}

export function requireCall(caller: Caller, call: { task: string; options?: Continued | undefined }): void {
  caller.requireTask(call.task);
  requireContinuations(caller, call.options);
}

/** Every task of a composition must be one that the caller may enqueue. */
export function requireComposition(caller: Caller, composition: CanvasNode): void {
  for (const { task, options } of callsOf(composition))
    requireCall(caller, { task, options: options as Continued });
}
