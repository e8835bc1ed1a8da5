import type { ErrorRecord } from "../../core/errors.ts";
import type { TaskContext, TaskSettings } from "../../task/context.ts";
import type { ThrownRecord } from "./thrown.ts";

/** One attempt for the process of isolated tasks. */
export interface RunRequest {
  task: string;
  /** As it lies in Redis: the process makes of it what the task's schema says, be it a class or a function. */
  input: unknown;
  job: TaskContext["job"];
  worker: TaskContext["worker"];
  settings: TaskSettings;
}

export type ToChild =
  | ({ type: "run" } & RunRequest)
  | { type: "abort"; reason: ErrorRecord }
  | { type: "answer"; id: number; value: unknown }
  | { type: "refusal"; id: number; error: ThrownRecord };

export type FromChild =
  /** The catalogue could not be loaded. */
  | { type: "broken"; error: ThrownRecord }
  /** The answer to an abort: the process is not too busy to listen. */
  | { type: "heard" }
  /** A call of the context, such as "progress" or "memory.get". */
  | { type: "call"; id: number; name: string; args: readonly unknown[] }
  | { type: "log"; level: "debug" | "info" | "warn" | "error"; fields: object; message: string }
  | { type: "returned"; value: unknown; residentBytes: number }
  | { type: "threw"; error: ThrownRecord; residentBytes: number };
