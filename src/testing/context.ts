import { type Progress, toProgress } from "../core/progress.ts";
import type {
  BrokerOperations,
  ClusterOperations,
  TaskContext,
  TaskLogger,
  TaskMemory,
  TaskSettings,
} from "../task/context.ts";
import type { Dependencies } from "../task/dependencies.ts";
import { RetryRequest } from "../task/retry.ts";

/** What a test replaces of the context; the rest is a small healthy world in memory. */
export interface ContextOverrides {
  workerName?: string;
  dependencies?: Dependencies;
  settings?: Partial<TaskSettings>;
  cluster?: Partial<ClusterOperations>;
  broker?: Partial<BrokerOperations>;
  memory?: TaskMemory;
}

/** A line that a task wrote by `context.logger`. */
export interface LoggedLine {
  level: keyof TaskLogger;
  fields: object;
  message: string;
}

/** What a run left behind. */
export interface RunRecords {
  progress: Progress[];
  /** The job's own log: `context.log`, and what Ray programs print. */
  logs: string[];
  logged: LoggedLine[];
  /** The Ray programs that were run. */
  rayJobs: { program: string; input: unknown }[];
}

/** What a context needs besides its overrides. */
export interface ContextParts {
  job: TaskContext["job"];
  signal: AbortSignal;
  records: RunRecords;
  /** Wakes those who follow the records. */
  told: () => void;
  memory: TaskMemory;
  enqueue: TaskContext["enqueue"];
  ray: TaskContext["ray"];
}

export function createRecords(): RunRecords {
  return { progress: [], logs: [], logged: [], rayJobs: [] };
}

export function createTestContext(parts: ContextParts, overrides: ContextOverrides = {}): TaskContext {
  const { records, told } = parts;
  return {
    job: parts.job,
    worker: { name: overrides.workerName ?? "test" },
    signal: parts.signal,
    logger: createRecordingLogger(records),
    async progress(progress) {
      records.progress.push(toProgress(progress));
      told();
    },
    async log(line) {
      records.logs.push(line);
      told();
    },
    enqueue: parts.enqueue,
    retry: (options) => new RetryRequest(options),
    dependencies: overrides.dependencies ?? ({} as Dependencies),
    ray: parts.ray,
    cluster: { ...healthyCluster, ...overrides.cluster },
    broker: { ...healthyBroker, ...overrides.broker },
    memory: overrides.memory ?? parts.memory,
    settings: { ...plainSettings, ...overrides.settings },
  };
}

function createRecordingLogger({ logged }: RunRecords): TaskLogger {
  const write = (level: keyof TaskLogger) => (fields: object, message: string) =>
    void logged.push({ level, fields, message });
  return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}

const healthyCluster: ClusterOperations = {
  nodes: async () => [{ id: "a", address: "10.0.0.1", alive: true, head: true, cpus: 4 }],
  pendingDemand: async () => [],
  finishedRayJobs: async () => [],
  deleteRayJob: async () => true,
};

const healthyBroker: BrokerOperations = {
  redis: async () => ({
    version: "9.1",
    usedBytes: 10,
    maxBytes: 100,
    policy: "noeviction",
    appendOnly: true,
    persistenceOk: true,
  }),
  queues: async () => [
    { queue: "ml", waiting: 0, scheduled: 0, active: 0, failed: 0, oldestMilliseconds: null, workers: 1 },
  ],
  removeEnded: async () => ({}),
  removeLogs: async () => 0,
};

const plainSettings: TaskSettings = {
  expectedNodes: 1,
  expectedCpus: 4,
  datasetsDir: "/nowhere/datasets",
  modelsDir: "/nowhere/models",
  healthChannels: ["log"],
  webhookUrl: undefined,
  smtpUrl: undefined,
  emailFrom: undefined,
  emailTo: undefined,
};
