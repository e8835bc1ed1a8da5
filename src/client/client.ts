import { type Duration, toMilliseconds } from "../core/durations.ts";
import { describeError, LovageError } from "../core/errors.ts";
import { findQueue, openBroker } from "../queue/broker.ts";
import { type RedisSettings, withDeadline } from "../queue/connection.ts";
import type { EnqueueOptions } from "../queue/enqueue-options.ts";
import { createJobEvents } from "../queue/events.ts";
import { createInspector } from "../queue/inspector.ts";
import { addJobs, type PreparedJob, prepareJob } from "../queue/producer.ts";
import { readSnapshot } from "../queue/snapshot.ts";
import { readWorkflowTree, type TreeOptions, type WorkflowNode } from "../queue/workflow-tree.ts";
import { canvas } from "../task/builtin.ts";
import type { Canvas } from "../task/canvas.ts";
import type { Catalogue, TaskManifest, TaskTypes } from "../task/catalogue.ts";
import type { BrokerOperations } from "../task/context.ts";
import { createEnqueueGate } from "../task/enqueue-hooks.ts";
import type { EnqueueHooks } from "../task/hooks.ts";
import { checkCanvas, checkInput, createDirectory } from "./directory.ts";
import { createHandle, type JobHandle } from "./handle.ts";

export interface ClientOptions {
  /** A URL (`redis://:password@host:6380`) or its parts. */
  redis: string | RedisSettings;
  /** The tasks, to check inputs against the very schemas. Default: what the workers published in Redis. */
  catalogue?: Catalogue;
  /** How long a call waits for Redis. Default "10s". */
  timeout?: Duration;
  /** Around every call of this client. The first is outermost. */
  hooks?: readonly EnqueueHooks[];
  /** Hears of connection faults and of hooks that fail after the fact; the client reconnects by itself. Default: silence. */
  onError?: (error: Error) => void;
}

/** One call for {@link Client.enqueueMany}. */
export type Call<Tasks extends TaskTypes, Name extends keyof Tasks = keyof Tasks> = {
  [N in Name]: { task: N; input: Tasks[N]["input"]; options?: EnqueueOptions };
}[Name];

/** Enqueues jobs, typed by task name, and follows them. */
export interface Client<Tasks extends TaskTypes> {
  /**
   * Puts a job into its task's queue; resolves when Redis has it.
   * @throws LovageError `TASK_UNKNOWN`, `INPUT_INVALID`, `DATA_TOO_LARGE`, `REDIS_UNAVAILABLE`
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
   * A workflow and what it called, as a tree.
   * @throws LovageError `JOB_NOT_FOUND`, `JOB_AMBIGUOUS`
   */
  workflow(id: string, options?: TreeOptions & { queue?: string }): Promise<WorkflowNode>;
  /** The tasks that the workers published. */
  tasks(): Promise<TaskManifest[]>;
  /** Redis' and the queues' health. */
  readonly inspect: Pick<BrokerOperations, "redis" | "queues">;
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
  const timeout = toMilliseconds(options.timeout ?? "10s", "timeout");
  const onError = options.onError ?? (() => {});
  const gate = createEnqueueGate(options.hooks ?? [], (hook, error) =>
    onError(
      new LovageError("UNEXPECTED", `the hook ${hook} failed: ${describeError(error)}`, { cause: error }),
    ),
  );
  let opening: ReturnType<typeof open> | undefined;

  async function open() {
    const broker = await openBroker({ redis: options.redis, connectDeadline: timeout, onError });
    return {
      broker,
      directory: createDirectory(broker, options.catalogue),
      events: createJobEvents(broker, onError),
    };
  }

  async function connected() {
    opening ??= open();
    try {
      return await opening;
    } catch (error) {
      // The next call tries again.
      opening = undefined;
      throw error;
    }
  }

  /** Every call is bounded: a client must not hang on a Redis that went away. */
  async function bounded<T>(call: (parts: Awaited<ReturnType<typeof open>>) => Promise<T>): Promise<T> {
    const parts = await connected();
    return withDeadline(call(parts), timeout, parts.broker.address);
  }

  function handleOf(
    parts: Awaited<ReturnType<typeof open>>,
    job: { id: string; task: string; queue: string },
  ) {
    const inTime = <T>(answer: Promise<T>) => withDeadline(answer, timeout, parts.broker.address);
    return createHandle<never>({ ...parts, inTime }, job);
  }

  type Parts = Awaited<ReturnType<typeof open>>;

  async function prepareAll(parts: Parts, calls: readonly Call<TaskTypes>[]): Promise<PreparedJob[]> {
    const jobs: PreparedJob[] = [];
    for (const { task, input, options: callOptions } of calls) {
      const entry = await parts.directory.get(task);
      jobs.push(prepareJob(entry, checkInput(entry, input), callOptions));
    }
    return jobs;
  }

  async function send(parts: Parts, jobs: readonly PreparedJob[]): Promise<JobHandle<never>[]> {
    await addJobs(parts.broker, jobs);
    return jobs.map(({ opts, name, queue }) => handleOf(parts, { id: opts.jobId, task: name, queue }));
  }

  async function enqueueAll(calls: readonly Call<TaskTypes>[]): Promise<JobHandle<never>[]> {
    if (gate === undefined) return bounded(async (parts) => send(parts, await prepareAll(parts, calls)));
    // The time that hooks take is not Redis'.
    const jobs = await bounded((parts) => prepareAll(parts, calls));
    await gate.before(jobs);
    const handles = await bounded((parts) => send(parts, jobs));
    await gate.after(jobs, handles);
    return handles;
  }

  return {
    async enqueue(task, input, callOptions) {
      const [handle] = await enqueueAll([toCall(task, input, callOptions)]);
      return handle as JobHandle<never>;
    },
    async start(composition, callOptions) {
      await bounded(({ directory }) => checkCanvas(directory, composition));
      const [handle] = await enqueueAll([toCall(canvas.name, composition, callOptions)]);
      return handle as JobHandle<never>;
    },
    enqueueMany: (calls) => enqueueAll(calls as readonly Call<TaskTypes>[]),
    get: (id, { queue: given } = {}) =>
      bounded(async (parts) => {
        const queue = given ?? (await findQueue(parts.broker, id));
        const { task } = await readSnapshot(parts.broker, queue, id);
        return handleOf(parts, { id, task, queue });
      }),
    workflow: (id, { queue, ...treeOptions } = {}) =>
      bounded(async ({ broker }) =>
        readWorkflowTree(broker, queue ?? (await findQueue(broker, id)), id, treeOptions),
      ),
    tasks: () => bounded((parts) => parts.directory.list()),
    inspect: {
      redis: () => bounded(({ broker }) => createInspector(broker).redis()),
      queues: () => bounded(({ broker }) => createInspector(broker).queues()),
    },
    async close() {
      const parts = await opening?.catch(() => undefined);
      opening = undefined;
      await parts?.events.close();
      await parts?.broker.close();
    },
  };
}

function toCall(task: string, input: unknown, options: EnqueueOptions | undefined): Call<TaskTypes> {
  return options === undefined ? { task, input } : { task, input, options };
}
