import { setTimeout as sleep } from "node:timers/promises";
import { errorCodes, LovageError } from "../core/errors.ts";
import type { Rate } from "../core/rate.ts";
import { childOfPlainFields, type Logger } from "../observe/logger.ts";
import { createTroubleLog } from "../observe/trouble.ts";
import type { Service } from "../process/service.ts";
import type { Broker } from "../queue/broker.ts";
import { createConsumer, type GivenUpJob, type HeldJob } from "../queue/consumer.ts";
import { createLimitOverrides } from "../queue/limit-overrides.ts";
import { publishManifests } from "../queue/manifests.ts";
import { wakeRateLine } from "../queue/rate-limit.ts";
import { createRayStops } from "../queue/ray-stops.ts";
import type { RayHost } from "../ray/host.ts";
import { parseRecord } from "../ray/record.ts";
import type { RayRunner } from "../ray/runner.ts";
import { builtins } from "../task/builtin.ts";
import { type AnyTask, type Catalogue, describeTask } from "../task/catalogue.ts";
import type { Call } from "../task/codec.ts";
import type { ClusterOperations, TaskSettings } from "../task/context.ts";
import type { QueueName, RayDefinition } from "../task/definition.ts";
import type { Dependencies } from "../task/dependencies.ts";
import { createEnqueueGate } from "../task/enqueue-hooks.ts";
import { type Attempt, execute, type Outcome } from "../task/execute.ts";
import type { Hooks } from "../task/hooks.ts";
import { createRunHooks } from "../task/run-hooks.ts";
import { createAdmissionDesk } from "./admission.ts";
import { JobContext } from "./context.ts";
import { createContinuations } from "./continuations.ts";
import { createIsolationPool, type IsolationOptions } from "./isolation/pool.ts";
import { withLifeCycle } from "./life-cycle.ts";
import { createPresence } from "./presence.ts";
import { createRayRuns } from "./ray-runs.ts";
import { createServedQueues } from "./served-queues.ts";
import { createSweeper } from "./sweeper.ts";
import { createTally } from "./tally.ts";
import { runWorkflow } from "./workflow.ts";

export interface WorkerOptions {
  name: string;
  queues: readonly { name: QueueName; concurrency: number }[];
  broker: Broker;
  catalogue: Catalogue;
  rayRunner: RayRunner;
  cluster: ClusterOperations;
  settings: TaskSettings;
  /** What tasks find as `context.dependencies`. */
  dependencies?: Dependencies;
  /** The first is outermost. */
  hooks?: readonly Hooks[];
  logger: Logger;
  /** Milliseconds. */
  shutdownTimeout: number;
  lockDuration: number;
  retention: Parameters<typeof createConsumer>[0]["retention"];
  /** Of Lovage; told to whoever inspects the worker. */
  version?: string;
  /** The configuration, without secrets, for whoever inspects the worker. */
  conf?: Record<string, unknown>;
  /** The concurrency of a queue that an operator adds without saying it. Default 1. */
  concurrencyOf?: (queue: QueueName) => number;
  /** Told when an operator asks the worker to stop. Default: it stops; its process goes on. */
  onShutdown?: () => void;
  /** How tasks marked `isolate` are run. Without it they fail with `TASK_INVALID`. */
  isolation?: IsolationOptions;
}

/** How often a stopping worker says what it still waits for, in milliseconds. */
const stillRunningInterval = 2000;

/** How long the hand-back of the last jobs may take after the shutdown's deadline, in milliseconds. */
const handBackGrace = 5000;

/**
 * Takes the jobs of its queues and runs them. `stop` rejects with `DEADLINE_EXCEEDED` when jobs could not be handed
 * back: Redis is away, say; others take them over when their locks have run out.
 */
export function createWorker(options: WorkerOptions): Service {
  const { broker, catalogue, logger } = options;
  let completions = childOfPlainFields(logger);
  const tally = createTally();
  const rayJobs = new WeakMap<HeldJob, string>();
  const stops = createRayStops(broker);
  const reaper = options.rayRunner.createReaper(stops, logger);
  const workflows = new Set(
    [...catalogue.tasks, ...builtins.values()].flatMap((task) => (task.workflow ? task.name : [])),
  );
  const continuations = createContinuations(options);
  const tasks = new Map<string, AnyTask>(catalogue.tasks.map((task) => [task.name, task]));
  const pool = options.isolation && createIsolationPool(options.isolation);
  const { name: workerName, dependencies = {} as Dependencies, hooks = [] } = options;
  const onHookFault = (hook: string, error: unknown) =>
    logger.error({ hook, err: error }, "a hook failed; the work goes on");
  const runHooks = createRunHooks(hooks, { workerName, dependencies, onFault: onHookFault });
  const gate = createEnqueueGate(hooks, onHookFault);
  const rayRuns = createRayRuns(runProgram);
  const contextParts = { ...options, dependencies, workerName, rayRuns, gate };
  const onTrouble = createTroubleLog(logger, "trouble with Redis");
  const limits = createLimitOverrides(broker, {
    onError: onTrouble,
    // Who waits for the turn that the old rate gave takes one of the new.
    onRate: (task) => void wakeRateLine(broker, task).catch(onTrouble),
  });
  const desk = createAdmissionDesk({
    broker,
    lockDuration: options.lockDuration,
    rateOf,
    onError: (error) => onTrouble(error instanceof Error ? error : new Error(String(error))),
    onLost(member) {
      const lost = new LovageError("LOCK_LOST", "the worker could not renew the job's slot in time");
      queues.abort(lost, ({ queue, id }) => `${queue}:${id}` === member);
    },
  });
  const executors = {
    catalogue,
    context: (attempt: Attempt<HeldJob>) => new JobContext(contextParts, attempt, log),
    ...(runHooks && { around: runHooks.around }),
    async runRayJob(attempt: Attempt<HeldJob>) {
      const { task, input, signals } = attempt;
      if (task.ray === undefined)
        throw new LovageError("TASK_INVALID", `${task.name} has neither run nor program`);
      return runProgram(task.ray, attempt, input, signals.end);
    },
    async runIsolated(attempt: Attempt<HeldJob>): Promise<unknown> {
      const { task, call, signals } = attempt;
      if (pool === undefined) throw cannotIsolate(task);
      const context = new JobContext(contextParts, attempt, log);
      const { job, worker, settings } = context;
      const request = { task: task.name, input: call.input, job, worker, settings };
      return pool.run(request, context, signals);
    },
    runWorkflow: (attempt: Attempt<HeldJob>) =>
      runWorkflow({ broker, catalogue, gate }, attempt, executors.context(attempt)),
    callNext: (job: HeldJob, call: Call, output: unknown) => continuations.succeeded(job, call.meta, output),
    isLimited: desk.isLimited,
    admit: desk.admit,
    async rayJobAge(job: HeldJob) {
      const record = parseRecord(await job.readRayJob());
      return record?.attempt === job.attempt ? Date.now() - record.submittedAt : 0;
    },
    timeLimits: (task: string) => limits.timeLimits(task),
    stopRayJob: (job: HeldJob) => options.rayRunner.stopRecorded(rayHost(job, job.signal)),
  };

  /** What an operator set goes before the definition. A workflow is taken again and again, so it has no rate. */
  function rateOf(task: AnyTask): Rate | undefined {
    if (task.workflow) return undefined;
    const set = limits.rateLimit(task.name);
    return set === "off" ? undefined : (set ?? task.limits.rate);
  }

  function log(job: HeldJob): Logger {
    return logger.child({ job: job.id, task: job.task, queue: job.queue, attempt: job.attempt });
  }

  function runProgram(
    definition: RayDefinition,
    { delivery }: Attempt<HeldJob>,
    input: unknown,
    signal: AbortSignal,
  ): Promise<unknown> {
    const { id: jobId, task, queue, attempt, enqueuedAt } = delivery;
    const which = { jobId, task, queue, attempt, enqueuedAt };
    return options.rayRunner.run(definition, which, input, rayHost(delivery, signal));
  }

  function rayHost(job: HeldJob, signal: AbortSignal): RayHost {
    const onRayJob = (submissionId: string) => void rayJobs.set(job, submissionId);
    return {
      signal,
      logger: log(job),
      progress: (progress) => job.progress(progress),
      log: (lines, cursor) => job.log(lines, cursor),
      readLogCursor: () => job.readLogCursor(),
      readRayJob: () => job.readRayJob(),
      writeRayJob: (json) => job.writeRayJob(json),
      stops,
      onRayJob,
    };
  }

  async function run(job: HeldJob): Promise<Outcome> {
    const begun = performance.now();
    const decided = await execute(job, executors);
    if (rayRuns.ran(job)) {
      await rayRuns.end(job);
      if (decided.type === "completed") await leaveToReaper(job);
    }
    const outcome = isFinal(decided) ? await tidyUp(job, decided) : decided;
    if (outcome.type === "cancelled" || outcome.type === "expired") await giveUpPlace(job);
    if (runHooks !== undefined) await runHooks.ended(job, outcome);
    tally[outcome.type] += 1;
    report(job, outcome, Math.round(performance.now() - begun));
    return outcome;
  }

  /** A job that was dropped before it began may stand in a line, or have been given a slot. */
  async function giveUpPlace(job: HeldJob): Promise<void> {
    const task = tasks.get(job.task);
    if (task !== undefined && desk.isLimited(task)) await desk.forget(task, job);
  }

  /** The one place that every ending without a result passes: no Ray job goes on for a job that is over. */
  async function leaveToReaper(job: Pick<HeldJob, "id" | "readRayJob">): Promise<void> {
    try {
      await options.rayRunner.leaveToReaper({ readRayJob: () => job.readRayJob(), stops });
    } catch (error) {
      logger.error({ job: job.id, err: error }, "the job's Ray job may run on: its record cannot be used");
    }
  }

  /** What every ending without a result passes. */
  async function tidyUp(job: HeldJob, outcome: Outcome): Promise<Outcome> {
    try {
      await Promise.all([leaveToReaper(job), cancelCalls(job)]);
      if (outcome.type === "failed" || outcome.type === "expired") {
        await continuations.failed(job, outcome.error);
      }
      return outcome;
    } catch (cause) {
      const error = new LovageError("LOCK_LOST", "what follows the job's end could not be done", { cause });
      return { type: "handed-back", error };
    }
  }

  async function giveUp(job: GivenUpJob): Promise<void> {
    await Promise.all([leaveToReaper(job), cancelCalls(job)]);
    const error = new LovageError("JOB_STALLED", errorCodes.JOB_STALLED.meaning);
    await continuations.failed(job, error);
    const { id, task, queue, data, attempt, attempts, enqueuedAt, signal } = job;
    // BullMQ has counted the last attempt by then.
    const told = { id, task, queue, data, attempt: attempt - 1, attempts, enqueuedAt, signal };
    await runHooks?.ended(told, { type: "failed", error });
  }

  /** What a workflow called does not go on without it. */
  async function cancelCalls(job: Pick<HeldJob, "id" | "task" | "workflow">): Promise<void> {
    if (!workflows.has(job.task)) return;
    await job.workflow().cancelCalls("its workflow has ended");
  }

  /** One line a job: at this rate a second one would be what a busy worker mostly does. */
  function report(job: HeldJob, outcome: Outcome, milliseconds: number): void {
    const { id, task, queue, attempt } = job;
    const submissionId = rayJobs.get(job);
    const fields = { job: id, task, queue, attempt, ...(submissionId && { submissionId }), milliseconds };
    if (outcome.type === "completed") {
      completions.info(fields, "completed");
      return;
    }
    if (outcome.type === "waiting-children" || outcome.type === "postponed") {
      logger.debug({ ...fields, ...outcome }, outcome.type);
      return;
    }
    const { code, message, cause } = outcome.error;
    const details = {
      ...fields,
      code,
      reason: message,
      ...(cause instanceof Error && { cause: cause.stack }),
    };
    if (outcome.type === "retry")
      logger.warn({ ...details, attempts: job.attempts }, "failed; will be tried again");
    else if (outcome.type === "failed") logger.error(details, "failed");
    else logger.info(details, outcome.type === "handed-back" ? "handed back" : outcome.type);
  }

  const openConsumer = (queue: QueueName, concurrency: number) =>
    createConsumer({
      broker,
      queue,
      concurrency,
      // Read when it starts: its name may be taken.
      get workerName() {
        return presence.name;
      },
      lockDuration: options.lockDuration,
      retention: options.retention,
      retryPolicy: (task) => tasks.get(task)?.retry,
      run,
      onError: onTrouble,
      onGivenUp: giveUp,
      onStalled: (job) => logger.warn({ job, queue }, "a worker fell silent; its job is taken over"),
    });
  const queues = createServedQueues(options.queues, openConsumer);
  const presence = createPresence({
    broker,
    queues,
    tally,
    catalogue,
    limits,
    wantedName: options.name,
    version: options.version ?? "",
    conf: options.conf ?? {},
    concurrencyOf: options.concurrencyOf ?? (() => 1),
    logger,
    onName(name) {
      contextParts.workerName = name;
      logger.setBindings({ worker: name });
      completions = childOfPlainFields(logger);
    },
    submissionIdOf: (job) => rayJobs.get(job),
    removeQueue(name) {
      queues.remove(name).catch(onTrouble);
      abortRayJobs("the worker takes no more jobs of the queue; the Ray job runs on", name);
    },
    shutdown: options.onShutdown ?? (() => void service.stop().catch(onTrouble)),
    onError: onTrouble,
  });
  const sweeper = createSweeper(broker, () => queues.status().map(({ name }) => name), logger);
  function abortAll(
    why: string,
    matches: (task: AnyTask | undefined, job: { queue: string }) => boolean,
  ): void {
    const reason = new LovageError("WORKER_STOPPING", why);
    queues.abort(reason, (job) => matches(tasks.get(job.task), job));
  }

  /** A Ray job runs on without us, so there is nothing to wait for: the next worker attaches to it. */
  function abortRayJobs(why: string, only?: QueueName): void {
    const onCluster = (task: AnyTask | undefined, job: object) =>
      task?.ray !== undefined || rayRuns.waits(job);
    abortAll(why, (task, job) => onCluster(task, job) && (only ?? job.queue) === job.queue);
  }

  const runningIds = () => queues.held().map(({ id }) => id);

  async function drain(): Promise<void> {
    presence.stopping();
    const drained = queues.drain();
    abortRayJobs("the worker stops; the Ray job runs on");
    const done = new AbortController();
    const deadline = Date.now() + options.shutdownTimeout;
    const watch = async () => {
      while (Date.now() < deadline) {
        await sleep(Math.min(stillRunningInterval, deadline - Date.now()), undefined, {
          signal: done.signal,
        });
        const running = runningIds();
        const seconds = Math.max(0, Math.round((deadline - Date.now()) / 1000));
        logger.info({ running, seconds }, "waiting for jobs to finish");
      }
      abortAll("the worker's shutdown deadline has passed", () => true);
    };
    const watching = watch().catch(() => {});
    const giveUp = sleep(options.shutdownTimeout + handBackGrace, "late", { signal: done.signal });
    try {
      if ((await Promise.race([drained, giveUp])) === "late") throw notHandedBack();
    } finally {
      giveUp.catch(() => {});
      done.abort();
      await watching;
    }
  }

  function notHandedBack(): LovageError {
    const running = runningIds();
    return new LovageError("DEADLINE_EXCEEDED", `${running.length} jobs could not be handed back in time`, {
      value: running,
      hint: "another worker takes them over when their locks have run out",
    });
  }

  let stopping: Promise<void> | undefined;
  const inner: Service = {
    async start() {
      await publishManifests(broker, catalogue.tasks.map(describeTask));
      await presence.start();
      await reaper.start();
      await sweeper.start();
      await queues.start();
    },
    stop() {
      stopping ??= drain().then(() => {
        desk.stop();
        const services = [presence, reaper, sweeper, pool];
        return Promise.all(services.map((service) => service?.stop())).then(() => {});
      });
      return stopping;
    },
  };
  const queueNames = options.queues.map((queue) => queue.name);
  const service = withLifeCycle(
    inner,
    hooks,
    { name: workerName, queues: queueNames, dependencies },
    onHookFault,
  );
  return service;
}

export function cannotIsolate({ name }: Pick<AnyTask, "name">): LovageError {
  return new LovageError("TASK_INVALID", `task ${name}: this worker cannot run it isolated`, {
    field: "isolate",
    hint: "name the module of the catalogue, which the task's process must load, as the deployment's catalogueUrl",
  });
}

function isFinal({ type }: Outcome): boolean {
  return type === "failed" || type === "cancelled" || type === "expired";
}
