import { LovageError } from "../core/errors.ts";
import type { Logger } from "../observe/logger.ts";
import { createTroubleLog } from "../observe/trouble.ts";
import type { Service } from "../process/service.ts";
import type { Broker } from "../queue/broker.ts";
import type { ConsumerOptions } from "../queue/consumer.ts";
import type { HeldJob } from "../queue/held-job.ts";
import { createHistoryRecorder } from "../queue/history-recorder.ts";
import { publishManifests } from "../queue/manifests.ts";
import { createRedisClock } from "../queue/redis-clock.ts";
import type { WorkerBeat } from "../queue/registry.ts";
import { createSpreadConsumer } from "../queue/spread-consumer.ts";
import type { RayRunner } from "../ray/runner.ts";
import { builtins } from "../task/builtin.ts";
import { type AnyTask, type Catalogue, describeTaskOn } from "../task/catalogue.ts";
import type { ClusterOperations, TaskSettings } from "../task/context.ts";
import type { QueueName } from "../task/definition.ts";
import type { Dependencies } from "../task/dependencies.ts";
import { createEnqueueGate } from "../task/enqueue-hooks.ts";
import { type Attempt, type Delivery, type Executors, execute, type Outcome } from "../task/execute.ts";
import type { Hooks } from "../task/hooks.ts";
import { createRunHooks } from "../task/run-hooks.ts";
import { JobContext } from "./context.ts";
import { createContinuations } from "./continuations.ts";
import { createEndings } from "./endings.ts";
import { createIsolationPool, type IsolationOptions } from "./isolation/pool.ts";
import { createJobLog } from "./job-log.ts";
import { withLifeCycle } from "./life-cycle.ts";
import { createLimits } from "./limits.ts";
import type { WorkerObserver } from "./observer.ts";
import { createPresence } from "./presence.ts";
import { createRayJobs } from "./ray-jobs.ts";
import { createRayRuns } from "./ray-runs.ts";
import { createServedQueues } from "./served-queues.ts";
import { drainQueues } from "./shutdown.ts";
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
  retention: ConsumerOptions["retention"];
  /** Of Lovage; told to whoever inspects the worker. */
  version?: string;
  /** The configuration, without secrets, for whoever inspects the worker. */
  conf?: Record<string, unknown>;
  /** The concurrency of a queue that an operator adds without saying it. Default 1. */
  concurrencyOf?: (queue: QueueName) => number;
  /** Told when an operator asks the worker to stop. Default: it stops; its process goes on. */
  onShutdown?: () => void;
  /** Counts what the worker does. */
  observer?: WorkerObserver | undefined;
  /** How tasks marked `isolate` are run. Without it they fail with `TASK_INVALID`. */
  isolation?: IsolationOptions;
}

export interface Worker extends Service {
  /** What it says of itself at this moment, under the name that it goes by. */
  status(): WorkerBeat & { name: string };
}

/**
 * Takes the jobs of its queues and runs them. `stop` rejects with `DEADLINE_EXCEEDED` when jobs could not be handed
 * back: Redis is away, say; others take them over when their locks have run out.
 */
export function createWorker(options: WorkerOptions): Worker {
  const { broker, catalogue, logger, observer } = options;
  const { name: workerName, dependencies = {} as Dependencies, hooks = [] } = options;
  const onTrouble = createTroubleLog(logger, "trouble with Redis");
  const onHookFault = (hook: string, error: unknown) =>
    logger.error({ hook, err: error }, "a hook failed; the work goes on");
  const clock = createRedisClock();
  const tally = createTally();
  const jobLog = createJobLog(logger);
  const rayJobs = createRayJobs(options, jobLog);
  const rayRuns = createRayRuns(rayJobs.run);
  const tasks = new Map<string, AnyTask>(catalogue.tasks.map((task) => [task.name, task]));
  const history = createHistoryRecorder(broker, new Set([...tasks.keys(), ...builtins.keys()]));
  const pool = options.isolation && createIsolationPool(options.isolation);
  const runHooks = createRunHooks(hooks, { workerName, dependencies, onFault: onHookFault });
  const gate = createEnqueueGate(hooks, onHookFault);
  const contextParts = { ...options, dependencies, workerName, rayRuns, gate, now: clock.now };
  const { overrides, desk } = createLimits({
    broker,
    lockDuration: options.lockDuration,
    onError: onTrouble,
    onLost: (member, reason) => queues.abort(reason, ({ queue, id }) => `${queue}:${id}` === member),
  });
  const continuations = createContinuations(options);
  const endings = createEndings({ catalogue, continuations, rayJobs, rayRuns, desk, hooks: runHooks });

  const executors: Executors<HeldJob> = {
    catalogue,
    context,
    ...(runHooks && { around: runHooks.around }),
    async runRayJob(attempt) {
      const { task, input, signals } = attempt;
      if (task.ray === undefined)
        throw new LovageError("TASK_INVALID", `${task.name} has neither run nor program`);
      return rayJobs.run(task.ray, attempt, input, signals.end);
    },
    async runIsolated(attempt) {
      const { task, call, signals } = attempt;
      if (pool === undefined) throw cannotIsolate(task);
      const own = context(attempt);
      const { job, worker, settings } = own;
      return pool.run({ task: task.name, input: call.input, job, worker, settings }, own, signals);
    },
    runWorkflow: (attempt) =>
      runWorkflow({ broker, catalogue, gate, now: clock.now }, attempt, context(attempt)),
    callNext: (job, call, output) => continuations.succeeded(job, call.meta, output),
    isLimited: (task) => desk.isLimited(task) || (task.ray !== undefined && rayJobs.anyDown()),
    admit: async (attempt) => (await rayJobs.putOff(attempt)) ?? desk.admit(attempt),
    started: observer?.started,
    now: clock.now,
    rayJobAge: rayJobs.age,
    timeLimits: overrides.timeLimits,
    stopRayJob: rayJobs.stopRecorded,
  };

  function context(attempt: Attempt<HeldJob>): JobContext {
    return new JobContext(contextParts, attempt, jobLog.of);
  }

  async function run(job: HeldJob): Promise<Outcome> {
    const begun = performance.now();
    const decided = await execute(job, executors);
    const outcome = endings.needed(job, decided) ? await endings.after(job, decided) : decided;
    const milliseconds = performance.now() - begun;
    tally[outcome.type] += 1;
    observer?.ended(job, outcome);
    history.note(job, outcome.type, milliseconds);
    jobLog.report(job, outcome, Math.round(milliseconds));
    return outcome;
  }

  const openConsumer = (queue: QueueName, concurrency: number) =>
    createSpreadConsumer(broker.shards, {
      queue,
      concurrency,
      // Read when it starts: its name may be taken.
      get workerName() {
        return presence.name;
      },
      clock,
      lockDuration: options.lockDuration,
      retention: options.retention,
      retryPolicy: (task) => tasks.get(task)?.retry,
      run,
      onError: onTrouble,
      async onGivenUp(job) {
        history.noteGivenUp(job);
        const outcome = await endings.givenUp(job);
        observer?.ended(job, outcome);
      },
      onStalled(job) {
        logger.warn({ job, queue }, "a worker fell silent; its job is taken over");
        observer?.stalled(queue);
      },
    });
  const queues = createServedQueues(options.queues, openConsumer);
  const presence = createPresence({
    broker,
    queues,
    tally,
    history,
    catalogue,
    clock,
    limits: overrides,
    wantedName: options.name,
    version: options.version ?? "",
    conf: options.conf ?? {},
    concurrencyOf: options.concurrencyOf ?? (() => 1),
    logger,
    rayClusters: options.rayRunner.clusters,
    onName(name) {
      contextParts.workerName = name;
      jobLog.rename(name);
    },
    submissionIdOf: jobLog.submissionIdOf,
    removeQueue(name) {
      queues.remove(name).catch(onTrouble);
      handBackRayJobs("the worker takes no more jobs of the queue; the Ray job runs on", name);
    },
    shutdown: options.onShutdown ?? (() => void service.stop().catch(onTrouble)),
    onError: onTrouble,
  });
  const sweeper = createSweeper(broker, () => queues.status().map(({ name }) => name), logger);

  /** A Ray job runs on without us, so there is nothing to wait for: the next worker attaches to it. */
  function handBackRayJobs(why: string, only?: QueueName): void {
    const reason = new LovageError("WORKER_STOPPING", why);
    const onCluster = (job: Delivery) => tasks.get(job.task)?.ray !== undefined || rayRuns.waits(job);
    queues.abort(reason, (job) => onCluster(job) && (only ?? job.queue) === job.queue);
  }

  function drain(): Promise<void> {
    presence.stopping();
    return drainQueues({
      queues,
      logger,
      timeout: options.shutdownTimeout,
      onDraining: () => handBackRayJobs("the worker stops; the Ray job runs on"),
      onDeadline() {
        const reason = new LovageError("WORKER_STOPPING", "the worker's shutdown deadline has passed");
        queues.abort(reason, () => true);
      },
    });
  }

  let stopping: Promise<void> | undefined;
  const inner: Service = {
    async start() {
      const clusters = Object.keys(options.rayRunner.clusters());
      await publishManifests(
        broker,
        catalogue.tasks.map((task) => describeTaskOn(task, clusters)),
      );
      await presence.start();
      await rayJobs.reaper.start();
      await sweeper.start();
      await queues.start();
    },
    stop() {
      stopping ??= drain().then(() => {
        desk.stop();
        const services = [presence, rayJobs.reaper, sweeper, pool];
        return Promise.all(services.map((service) => service?.stop())).then(() => {});
      });
      return stopping;
    },
  };
  const queueNames = options.queues.map((queue) => queue.name);
  const facts = { name: workerName, queues: queueNames, dependencies };
  const { start, stop } = withLifeCycle(inner, hooks, facts, onHookFault);
  const service: Worker = { start, stop, status: () => ({ ...presence.status(), name: presence.name }) };
  return service;
}

export function cannotIsolate({ name }: Pick<AnyTask, "name">): LovageError {
  return new LovageError("TASK_INVALID", `task ${name}: this worker cannot run it isolated`, {
    field: "isolate",
    hint: "name the module of the catalogue, which the task's process must load, as the deployment's catalogueUrl",
  });
}
