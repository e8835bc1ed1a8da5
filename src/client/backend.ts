import type { Progress } from "../core/progress.ts";
import type { EnqueueOptions } from "../queue/enqueue-options.ts";
import type { JobPage, JobQuery } from "../queue/found-job.ts";
import type { History, HistoryQuery } from "../queue/history-view.ts";
import type { EventCursor, LiveEvent } from "../queue/live-event.ts";
import type { JobSnapshot } from "../queue/snapshot.ts";
import type { TreeOptions, WorkflowNode } from "../queue/workflow-tree.ts";
import type { CanvasNode } from "../task/canvas.ts";
import type { TaskManifest } from "../task/catalogue.ts";
import type { QueueName } from "../task/definition.ts";
import type { PlainCall } from "./calls.ts";
import type { Control } from "./control.ts";
import type { DeadLetterAccess } from "./dead-letters.ts";
import type { Ending } from "./ending.ts";
import type { Inspect } from "./inspect.ts";
import type { ScheduleAccess } from "./schedules.ts";

/** Where a job is, and of which task. */
export interface PlacedJob {
  readonly id: string;
  readonly task: string;
  readonly queue: string;
}

/** What a client speaks to: Redis itself, or the HTTP API. Errors are those that the client's methods name. */
export interface Backend {
  /** The jobs that really exist, in the order of the calls. */
  enqueue(calls: readonly PlainCall[]): Promise<PlacedJob[]>;
  start(composition: CanvasNode, options: EnqueueOptions | undefined): Promise<PlacedJob>;
  find(id: string, queue: string | undefined): Promise<PlacedJob>;
  forget(id: string, queue: string | undefined): Promise<void>;
  readonly jobs: JobAccess;
  events(
    options: { queues: readonly QueueName[]; since: EventCursor | undefined },
    over: AbortSignal,
  ): AsyncGenerator<LiveEvent, void, undefined>;
  readonly deadLetters: DeadLetterAccess;
  workflow(id: string, queue: string | undefined, options: TreeOptions): Promise<WorkflowNode>;
  tasks(): Promise<TaskManifest[]>;
  history(query: HistoryQuery | undefined): Promise<History>;
  readonly schedules: ScheduleAccess;
  /** Of a query that was checked. */
  search(query: JobQuery, options: { limit: number; cursor: string | undefined }): Promise<JobPage>;
  readonly inspect: Inspect;
  readonly control: Control;
  close(): Promise<void>;
}

/** What handles do with their jobs. Generators end when the signal is aborted. */
export interface JobAccess {
  snapshot(job: PlacedJob): Promise<JobSnapshot>;
  progress(job: PlacedJob, over: AbortSignal): AsyncGenerator<Progress, void, undefined>;
  events(
    job: PlacedJob,
    since: EventCursor | undefined,
    over: AbortSignal,
  ): AsyncGenerator<LiveEvent, void, undefined>;
  logs(job: PlacedJob, follow: boolean, over: AbortSignal): AsyncGenerator<string, void, undefined>;
  /**
   * Waits for the job's end, and goes on waiting while nobody answers.
   * @param within how many milliseconds the caller waits at most; then the signal is aborted
   */
  ended(job: PlacedJob, within: number, over: AbortSignal): Promise<Ending>;
  cancel(job: PlacedJob, reason: string): Promise<"cancelled" | "cancelling" | "ended">;
  forget(job: PlacedJob): Promise<void>;
}
