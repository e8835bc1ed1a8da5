import { LovageError, type TaskContext, type TaskSettings } from "#task";

/** A context in memory, with everything a task did to be looked at. Give `parts` to replace what a test needs. */
export function createTestContext(parts: Partial<TaskContext> = {}, settings: Partial<TaskSettings> = {}) {
  const remembered = new Map<string, string>();
  const lines: string[] = [];
  const logged: { level: string; fields: object; message: string }[] = [];
  const enqueued = new Map<string, { task: string; input: unknown }>();
  const progressed: number[] = [];
  const write = (level: string) => (fields: object, message: string) => {
    logged.push({ level, fields, message });
  };
  const context: TaskContext = {
    job: {
      id: "job-1",
      task: "test",
      queue: "default",
      attempt: 1,
      attempts: 3,
      enqueuedAt: new Date(1_700_000_000_000),
      tags: [],
      metadata: {},
      headers: {},
    },
    worker: { name: "test" },
    signal: new AbortController().signal,
    logger: { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") },
    progress: async ({ fraction }) => void progressed.push(fraction ?? -1),
    log: async (line) => void lines.push(line),
    async enqueue(task, input, { id = "random" } = {}) {
      if (!enqueued.has(id)) enqueued.set(id, { task, input });
      return id;
    },
    retry: ({ reason = "again" } = {}) => new LovageError("RETRY_REQUESTED", reason),
    dependencies: {},
    ray: { run: async () => ({}) },
    cluster: {
      nodes: async () => [{ id: "a", address: "10.0.0.1", alive: true, head: true, cpus: 4 }],
      pendingDemand: async () => [],
      finishedRayJobs: async () => [],
      deleteRayJob: async () => true,
    },
    broker: {
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
    },
    memory: {
      get: async (key) => remembered.get(key),
      set: async (key, value) => void remembered.set(key, value),
      async claim(key, value) {
        if (remembered.has(key)) return false;
        remembered.set(key, value);
        return true;
      },
      forget: async (key) => void remembered.delete(key),
    },
    settings: {
      expectedNodes: 1,
      expectedCpus: 4,
      datasetsDir: "/nowhere/datasets",
      modelsDir: "/nowhere/models",
      healthChannels: ["log"],
      webhookUrl: undefined,
      smtpUrl: undefined,
      emailFrom: undefined,
      emailTo: undefined,
      ...settings,
    },
    ...parts,
  };
  return { context, remembered, lines, logged, enqueued, progressed };
}
