import type { Broker } from "../queue/broker.ts";
import type { HeldJob } from "../queue/consumer.ts";
import { createInspector } from "../queue/inspector.ts";
import { createMemory } from "../queue/memory.ts";
import { addJobs, prepareJob } from "../queue/producer.ts";
import type { Catalogue } from "../task/catalogue.ts";
import type { ClusterOperations, TaskContext, TaskLogger, TaskSettings } from "../task/context.ts";
import { validate } from "../task/validation.ts";

export interface ContextParts {
  broker: Broker;
  catalogue: Catalogue;
  cluster: ClusterOperations;
  settings: TaskSettings;
  workerName: string;
}

/** All that one running task may touch. What few tasks use is made when it is asked for. */
export function createContext(parts: ContextParts, job: HeldJob, openLogger: () => TaskLogger): TaskContext {
  const { broker, catalogue } = parts;
  let logger: TaskLogger | undefined;
  return {
    job: {
      id: job.id,
      task: job.task,
      queue: job.queue,
      attempt: job.attempt,
      attempts: job.attempts,
      enqueuedAt: new Date(job.enqueuedAt),
    },
    worker: { name: parts.workerName },
    signal: job.signal,
    get logger() {
      logger ??= openLogger();
      return logger;
    },
    progress: (progress) => job.progress(progress),
    log: (line) => job.log([line]),
    async enqueue(name, input, options) {
      const task = catalogue.get(name);
      validate(task.input, input, "INPUT_INVALID", `the input of ${name}`);
      const prepared = prepareJob(task, input, options);
      await addJobs(broker, [prepared]);
      return prepared.opts.jobId;
    },
    cluster: parts.cluster,
    get broker() {
      return createInspector(broker);
    },
    get memory() {
      return createMemory(broker, job.task);
    },
    settings: parts.settings,
  };
}
