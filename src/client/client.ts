import type { EnqueueOptions } from "../queue/enqueue-options.ts";
import type { History, HistoryQuery } from "../queue/history-view.ts";
import type { EventCursor, LiveEvent } from "../queue/live-event.ts";
import type { TreeOptions, WorkflowNode } from "../queue/workflow-tree.ts";
import type { Canvas } from "../task/canvas.ts";
import type { TaskManifest, TaskTypes } from "../task/catalogue.ts";
import { type QueueName, queueNames } from "../task/queue-names.ts";
import type { Backend, PlacedJob } from "./backend.ts";
import type { PlainCall } from "./calls.ts";
import { type Control, controlMethods } from "./control.ts";
import { createDeadLetters, type DeadLetters } from "./dead-letters.ts";
import { createHandle, type JobHandle } from "./handle.ts";
import { type Inspect, inspectMethods } from "./inspect.ts";
import { endable } from "./iteration.ts";
import { createSchedules, type Schedules } from "./schedules.ts";
import { createSearch, type Search } from "./search.ts";
import { through } from "./through.ts";

/** One call for {@link Client.enqueueMany}. */
export type Call<Tasks extends TaskTypes, Name extends keyof Tasks = keyof Tasks> = {
  [N in Name]: { task: N; input: Tasks[N]["input"]; options?: EnqueueOptions };
}[Name];

/** Enqueues jobs, typed by task name, and follows them. */
export interface Client<Tasks extends TaskTypes> {
  /**
   * Puts a job into its task's queue; resolves when Redis has it, to the job that really exists: with an idempotency or a
   * deduplication key that may be an earlier one. Calls of one tick share their round trip.
   * @throws LovageError `TASK_UNKNOWN`, `INPUT_INVALID`, `DATA_TOO_LARGE`, `IDEMPOTENCY_CONFLICT`, `NOT_DURABLE`;
   * `REDIS_UNAVAILABLE` (over HTTP also `API_UNAVAILABLE`) within the client's timeout: its hint says when the job may have been made all the same
   */
  enqueue<Name extends keyof Tasks & string>(
    task: Name,
    input: Tasks[Name]["input"],
    options?: EnqueueOptions,
  ): Promise<JobHandle<Tasks[Name]["output"]>>;
  /**
   * Enqueues a composition of calls (`chain`, `group`, `chord`, `map`, `chunks`) as one workflow.
   * @throws LovageError as {@link enqueue}
   */
  start<Output>(composition: Canvas<Output>, options?: EnqueueOptions): Promise<JobHandle<Output>>;
  /** Like {@link enqueue} for many; all inputs are checked before the first job is sent. Handles come in order. */
  enqueueMany(calls: readonly Call<Tasks>[]): Promise<JobHandle[]>;
  /**
   * The job of an id. Ids that callers chose are unique in their queue only; name it where several have one.
   * @throws LovageError `JOB_NOT_FOUND`, `JOB_AMBIGUOUS`
   */
  get<Output = unknown>(id: string, options?: { queue?: string }): Promise<JobHandle<Output>>;
  /**
   * Removes an ended job with its result and log; see {@link JobHandle.forget}.
   * @throws LovageError `JOB_NOT_ENDED`, `JOB_NOT_FOUND`, `JOB_AMBIGUOUS`
   */
  forget(id: string, options?: { queue?: string }): Promise<void>;
  /**
   * What happens to all jobs, from now on or from an event's `cursor` on; ends with `break`, `return()` or the client.
   * However many iterate, each queue is read once. Survives a restart of Redis, and of the API.
   * @param options.queues default: all
   * @throws LovageError `INPUT_INVALID` for a cursor that is none, `REDIS_UNAVAILABLE` when there is no Redis at the start
   */
  events(options?: { queues?: readonly QueueName[]; since?: EventCursor }): AsyncIterableIterator<LiveEvent>;
  readonly deadLetters: DeadLetters;
  /** When tasks are called again and again. */
  readonly schedules: Schedules<Tasks>;
  /**
   * A part of the jobs that fit, over all queues and states: those that run first, then the nearest to now. It looks at
   * jobs for a quarter of a second at most, so a part may hold few jobs or none and not be the last: go on with its
   * `cursor` until that is null.
   * @param query default: every job
   * @throws LovageError `INPUT_INVALID`
   */
  readonly search: Search;
  /**
   * A workflow and what it called, as a tree.
   * @throws LovageError `JOB_NOT_FOUND`, `JOB_AMBIGUOUS`
   */
  workflow(id: string, options?: TreeOptions & { queue?: string }): Promise<WorkflowNode>;
  /** The tasks that the workers published. */
  tasks(): Promise<TaskManifest[]>;
  /**
   * What happened to jobs and how long they took, over the last hour (the default), day or week, step by step.
   * @throws LovageError `INPUT_INVALID`
   */
  history(query?: HistoryQuery): Promise<History>;
  /** What is going on in Redis, the queues and the workers. */
  readonly inspect: Inspect;
  /** Changes what goes on. */
  readonly control: Control;
  close(): Promise<void>;
}

/** A client of whatever backend is opened at its first call. */
export function createClientOver<Tasks extends TaskTypes>(open: () => Promise<Backend>): Client<Tasks> {
  let opened: Promise<Backend> | undefined;
  const backend = () => {
    opened ??= open();
    return opened;
  };

  return {
    async enqueue(task, input, options) {
      const { enqueue, jobs } = await backend();
      const call: PlainCall = options === undefined ? { task, input } : { task, input, options };
      const [placed] = await enqueue([call]);
      return createHandle(jobs, placed as PlacedJob);
    },
    async start(composition, options) {
      const { start, jobs } = await backend();
      return createHandle(jobs, await start(composition, options));
    },
    async enqueueMany(calls) {
      const { enqueue, jobs } = await backend();
      const placed = await enqueue(calls as readonly PlainCall[]);
      return placed.map((job) => createHandle(jobs, job));
    },
    async get(id, { queue } = {}) {
      const { find, jobs } = await backend();
      return createHandle(jobs, await find(id, queue));
    },
    forget: async (id, { queue } = {}) => (await backend()).forget(id, queue),
    events: ({ queues = queueNames, since } = {}) =>
      endable(async function* (over) {
        yield* (await backend()).events({ queues, since }, over);
      }),
    deadLetters: createDeadLetters(backend),
    schedules: createSchedules(backend),
    search: createSearch(backend),
    workflow: async (id, { queue, ...options } = {}) => (await backend()).workflow(id, queue, options),
    tasks: async () => (await backend()).tasks(),
    history: async (query) => (await backend()).history(query),
    inspect: through(inspectMethods, async () => (await backend()).inspect),
    control: through(controlMethods, async () => (await backend()).control),
    close: async () => (await opened)?.close(),
  };
}
