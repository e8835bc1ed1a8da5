import { findQueue } from "../queue/broker.ts";
import type { EnqueueOptions } from "../queue/enqueue-options.ts";
import { readFeed } from "../queue/event-feed.ts";
import type { EventCursor, LiveEvent } from "../queue/live-event.ts";
import { forgetJob } from "../queue/removal.ts";
import { readSnapshot } from "../queue/snapshot.ts";
import { readWorkflowTree, type TreeOptions, type WorkflowNode } from "../queue/workflow-tree.ts";
import { canvas } from "../task/builtin.ts";
import type { Canvas } from "../task/canvas.ts";
import type { TaskManifest, TaskTypes } from "../task/catalogue.ts";
import { type QueueName, queueNames } from "../task/definition.ts";
import { type ClientOptions, createConnection, handleOf } from "./connection.ts";
import { type Control, createControl } from "./control.ts";
import { createDeadLetters, type DeadLetters } from "./dead-letters.ts";
import { checkCanvas } from "./directory.ts";
import { enqueueAll } from "./enqueuing.ts";
import type { JobHandle } from "./handle.ts";
import { createInspect, type Inspect } from "./inspect.ts";
import { endable } from "./iteration.ts";
import { createReach } from "./reach.ts";
import { createSchedules, type Schedules } from "./schedules.ts";

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
   * `REDIS_UNAVAILABLE` within the client's timeout: its hint says when the job may have been made all the same
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
   * However many iterate, each queue is read once. Survives a restart of Redis.
   * @param options.queues default: all
   * @throws LovageError `INPUT_INVALID` for a cursor that is none, `REDIS_UNAVAILABLE` when there is no Redis at the start
   */
  events(options?: { queues?: readonly QueueName[]; since?: EventCursor }): AsyncIterableIterator<LiveEvent>;
  readonly deadLetters: DeadLetters;
  /** When tasks are called again and again. */
  readonly schedules: Schedules<Tasks>;
  /**
   * A workflow and what it called, as a tree.
   * @throws LovageError `JOB_NOT_FOUND`, `JOB_AMBIGUOUS`
   */
  workflow(id: string, options?: TreeOptions & { queue?: string }): Promise<WorkflowNode>;
  /** The tasks that the workers published. */
  tasks(): Promise<TaskManifest[]>;
  /** What is going on in Redis, the queues and the workers. */
  readonly inspect: Inspect;
  /** Changes what goes on. */
  readonly control: Control;
  close(): Promise<void>;
}

/**
 * Makes a client. It connects at its first call.
 * @example
 * const client = createClient<Tasks>({ redis: "redis://:secret@127.0.0.1:6380" });
 * const job = await client.enqueue("tasks.simple_tasks.ping", {});
 * console.log(await job.result({ timeout: "10s" }));
 * await client.close();
 */
export function createClient<Tasks extends TaskTypes>(options: ClientOptions): Client<Tasks> {
  const connection = createConnection(options);
  const { bounded } = connection;
  const reach = createReach(connection);

  return {
    async enqueue(task, input, callOptions) {
      const [handle] = await enqueueAll(await connection.parts(), [toCall(task, input, callOptions)]);
      return handle as JobHandle<never>;
    },
    async start(composition, callOptions) {
      const parts = await connection.parts();
      await parts.inTime(checkCanvas(parts.directory, composition));
      const [handle] = await enqueueAll(parts, [toCall(canvas.name, composition, callOptions)]);
      return handle as JobHandle<never>;
    },
    enqueueMany: async (calls) => enqueueAll(await connection.parts(), calls as readonly Call<TaskTypes>[]),
    get: (id, { queue: given } = {}) =>
      bounded(async (parts) => {
        const queue = given ?? (await findQueue(parts.broker, id));
        const { task } = await readSnapshot(parts.broker, queue, id);
        return handleOf(parts, { id, task, queue });
      }),
    forget: (id, { queue } = {}) =>
      bounded(async ({ broker }) => forgetJob(broker, { id, queue: queue ?? (await findQueue(broker, id)) })),
    events: ({ queues = queueNames, since } = {}) =>
      endable(async function* (over) {
        const { broker, reader } = await connection.parts();
        yield* readFeed(broker, reader, { queues, since }, over);
      }),
    deadLetters: createDeadLetters(connection),
    schedules: createSchedules(connection),
    workflow: (id, { queue, ...treeOptions } = {}) =>
      bounded(async ({ broker }) =>
        readWorkflowTree(broker, queue ?? (await findQueue(broker, id)), id, treeOptions),
      ),
    tasks: () => bounded((parts) => parts.directory.list()),
    inspect: createInspect(reach),
    control: createControl(reach),
    close: connection.close,
  };
}

function toCall(task: string, input: unknown, options: EnqueueOptions | undefined): Call<TaskTypes> {
  return options === undefined ? { task, input } : { task, input, options };
}
