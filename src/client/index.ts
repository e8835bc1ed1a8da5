export type { Duration } from "../core/durations.ts";
export { type ErrorCode, type ErrorRecord, errorCodes, LovageError } from "../core/errors.ts";
export type { Progress } from "../core/progress.ts";
export { type JobState, jobStates } from "../core/states.ts";
export type { RedisSettings } from "../queue/connection.ts";
export type { Answers, AskOptions } from "../queue/control.ts";
export type {
  ActiveJob,
  RegisteredTask,
  ServedQueue,
  WorkerReport,
  WorkerStats,
} from "../queue/control-commands.ts";
export type { DeadLetterFilter, DeadState } from "../queue/dead-letters.ts";
export type { Deduplication } from "../queue/deduplication.ts";
export type { EnqueueOptions } from "../queue/enqueue-options.ts";
export type { FoundJob, JobPage, JobQuery } from "../queue/found-job.ts";
export {
  type History,
  type HistoryPoint,
  type HistoryQuery,
  type HistorySpan,
  historySpans,
  type Quantiles,
} from "../queue/history-view.ts";
export type { EventCursor, JobChange, LiveEvent } from "../queue/live-event.ts";
export type { CancelledMany, CancelManyOptions, JobFilter, Purged } from "../queue/queue-control.ts";
export { type ListedJob, type OpenState, openStates } from "../queue/queue-jobs.ts";
export type { QueueOverview } from "../queue/queue-overview.ts";
export type { ReplayOptions } from "../queue/replay.ts";
export type {
  MissedPolicy,
  OverlapPolicy,
  ScheduleRun,
  ScheduleView,
} from "../queue/schedule-view.ts";
export type { JobSnapshot } from "../queue/snapshot.ts";
export type { WorkerState, WorkerView } from "../queue/workers.ts";
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
export type { ScheduleOptions } from "../task/schedule.ts";
export type { Call, Client } from "./client.ts";
export type { Control, LimitSwitch, WorkerQueueOptions } from "./control.ts";
export { createClient } from "./create.ts";
export type { DeadLetterPage, DeadLetters, ReplayCounts } from "./dead-letters.ts";
export type { JobHandle } from "./handle.ts";
export type { Inspect, ListOptions } from "./inspect.ts";
export type { ClientOptions, HttpClientOptions, RedisClientOptions } from "./options.ts";
export type { BackfilledTime, Schedules } from "./schedules.ts";
export type { Search, SearchOptions } from "./search.ts";
