import { LovageError } from "../core/errors.ts";
import type { Broker } from "../queue/broker.ts";
import type { HeldJob } from "../queue/held-job.ts";
import { createInspector } from "../queue/inspector.ts";
import { createMemory } from "../queue/memory.ts";
import { addJobs, prepareJob } from "../queue/producer.ts";
import { keepTogether } from "../queue/together.ts";
import type { ChunkContext } from "../task/builtin.ts";
import type { Catalogue } from "../task/catalogue.ts";
import type { CallMeta } from "../task/codec.ts";
import type { ClusterOperations, TaskContext, TaskLogger, TaskSettings } from "../task/context.ts";
import type { Dependencies } from "../task/dependencies.ts";
import type { EnqueueGate } from "../task/enqueue-hooks.ts";
import type { Attempt } from "../task/execute.ts";
import { RetryRequest } from "../task/retry.ts";
import { jobFacts } from "../task/run-hooks.ts";
import { validate } from "../task/validation.ts";
import { sendOutgoing } from "./outgoing.ts";
import type { RayRuns } from "./ray-runs.ts";

export interface ContextParts {
  broker: Broker;
  catalogue: Catalogue;
  cluster: ClusterOperations;
  settings: TaskSettings;
  workerName: string;
  dependencies: Dependencies;
  rayRuns: RayRuns;
  /** What the hooks do to each call that a task makes. */
  gate: EnqueueGate | undefined;
  /** Milliseconds since 1970 by Redis' clock. */
  now(): number;
}

/**
 * All that one running task may touch. What few tasks use is made when it is asked for: getters on the class cost nothing
 * where they are not used. Its functions can be taken out of it (`const { progress } = context`), so they are arrow functions.
 */
export class JobContext implements ChunkContext {
  readonly #parts: ContextParts;
  readonly #attempt: Attempt<HeldJob>;
  readonly #job: HeldJob;
  readonly #meta: CallMeta;
  readonly #openLogger: (job: HeldJob) => TaskLogger;
  #logger: TaskLogger | undefined;
  readonly worker: TaskContext["worker"];
  readonly cluster: ClusterOperations;
  readonly settings: TaskSettings;

  readonly dependencies: Dependencies;

  constructor(parts: ContextParts, attempt: Attempt<HeldJob>, openLogger: (job: HeldJob) => TaskLogger) {
    this.#parts = parts;
    this.#attempt = attempt;
    this.#job = attempt.delivery;
    this.#meta = attempt.call.meta;
    this.#openLogger = openLogger;
    this.worker = { name: parts.workerName };
    this.dependencies = parts.dependencies;
    this.cluster = parts.cluster;
    this.settings = parts.settings;
  }

  get job(): TaskContext["job"] {
    return jobFacts(this.#job, this.#meta);
  }

  get signal(): AbortSignal {
    return this.#attempt.signals.task;
  }

  get logger(): TaskLogger {
    this.#logger ??= this.#openLogger(this.#job);
    return this.#logger;
  }

  get broker(): TaskContext["broker"] {
    return createInspector(this.#parts.broker);
  }

  get memory(): TaskContext["memory"] {
    return createMemory(this.#parts.broker, this.#job.task);
  }

  get ray(): TaskContext["ray"] {
    const { rayRuns } = this.#parts;
    return { run: (program, input) => rayRuns.run(this.#attempt, program, input) };
  }

  get progress(): TaskContext["progress"] {
    return (progress) => this.#job.progress(progress);
  }

  get log(): TaskContext["log"] {
    return (line) => this.#job.log([line]);
  }

  /** For chunks: another task's `run`, with the same context. */
  get runInPlace(): ChunkContext["runInPlace"] {
    return async (name, input) => {
      const task = this.#parts.catalogue.get(name);
      const { rate, concurrency } = task.limits;
      const limited = rate !== undefined || concurrency !== undefined || task.isolate;
      if (task.run === undefined || task.workflow || limited) {
        throw new LovageError("TASK_INVALID", `${name} cannot be run in chunks`, {
          field: "task",
          value: name,
          hint: "chunks are for small tasks that run in the worker, without limits of rate and concurrency; use map",
        });
      }
      const checked = validate(task.input, input, "INPUT_INVALID", `the input of ${name}`);
      const result = await task.run(checked as never, this as never);
      return validate(task.output, result, "OUTPUT_INVALID", `the result of ${name}`);
    };
  }

  get retry(): TaskContext["retry"] {
    return (options) => new RetryRequest(options);
  }

  get enqueue(): TaskContext["enqueue"] {
    return async (name, input, options) => {
      const { broker, catalogue, gate } = this.#parts;
      const task = catalogue.get(name);
      validate(task.input, input, "INPUT_INVALID", `the input of ${name}`);
      const asked = prepareJob(task, input, options, undefined, this.#parts.now());
      const prepared = keepTogether(broker.keys, asked);
      const { headers } = this.#meta;
      await sendOutgoing([prepared], { headers, gate, add: () => addJobs(broker, [prepared]) });
      return prepared.opts.jobId;
    };
  }
}
