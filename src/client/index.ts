export type { Duration } from "../core/durations.ts";
export { type ErrorCode, type ErrorRecord, errorCodes, LovageError } from "../core/errors.ts";
export type { Progress } from "../core/progress.ts";
export { type JobState, jobStates } from "../core/states.ts";
export type { RedisSettings } from "../queue/connection.ts";
export type { Deduplication, EnqueueOptions } from "../queue/enqueue-options.ts";
export type { JobSnapshot } from "../queue/snapshot.ts";
export type { TreeOptions, WorkflowNode } from "../queue/workflow-tree.ts";
export {
  type Canvas,
  chain,
  chord,
  chunks,
  type GroupFailure,
  group,
  map,
  signature,
} from "../task/canvas.ts";
export type { EnqueueHooks, OutgoingCall } from "../task/hooks.ts";
export { type Call, type Client, type ClientOptions, createClient } from "./client.ts";
export type { JobHandle } from "./handle.ts";
