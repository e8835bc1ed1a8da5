import { Writable } from "node:stream";
import { type CliDoors, runCli } from "../../src/cli/index.ts";
import type { Client, EnqueueOptions, JobHandle, JobSnapshot, Progress } from "../../src/client/index.ts";
import type { LovageError } from "../../src/core/errors.ts";
import type { TaskManifest, TaskTypes } from "../../src/task/catalogue.ts";

/** What the one job of a scripted client does. */
export interface Script {
  snapshot?: Partial<JobSnapshot>;
  progress?: Progress[];
  logs?: string[];
  /** The end comes after this only. */
  until?: Promise<unknown>;
  /** The output, an error, or "never". */
  ends?: { output: unknown } | { error: Error } | "never";
  cancel?: "cancelled" | "cancelling" | "ended";
  /** Thrown by every call that needs Redis. */
  redis?: Error;
  tasks?: TaskManifest[];
  /** Workers that each queue has. */
  workers?: number;
  inspect?: Partial<Client<TaskTypes>["inspect"]>;
  control?: Partial<Client<TaskTypes>["control"]>;
  schedules?: Partial<Client<TaskTypes>["schedules"]>;
  search?: Client<TaskTypes>["search"];
}

export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
  /** What was enqueued. */
  calls: { task: string; input: unknown; options: EnqueueOptions | undefined }[];
  closed: number;
}

interface Settings extends Partial<Omit<CliDoors, "stdout" | "stderr">> {
  script?: Script;
  stdin?: AsyncIterable<unknown>;
  /** Both streams are a terminal of so many columns, with colours. */
  terminal?: number;
  onStdout?: (text: string) => void;
  onStderr?: (text: string) => void;
}

export const jobId = "11111111-2222-3333-4444-555555555555";

/** Runs the command line behind scripted doors. */
export async function lovage(args: readonly string[], settings: Settings = {}): Promise<Ended> {
  const { script = {}, terminal, onStdout, onStderr, ...doors } = settings;
  const ended: Ended = { code: -1, stdout: "", stderr: "", calls: [], closed: 0 };
  const stream = (take: (text: string) => void) => {
    const writable = new Writable({
      write(chunk, _encoding, done) {
        take(String(chunk));
        done();
      },
    });
    return terminal === undefined
      ? writable
      : Object.assign(writable, { isTTY: true, columns: terminal, hasColors: () => true });
  };
  const unexpected = async () => {
    throw new TypeError("no door of this kind was scripted");
  };
  ended.code = await runCli(args, {
    version: "1.2.3",
    stdin: (async function* () {})(),
    stdout: stream((text) => {
      ended.stdout += text;
      onStdout?.(text);
    }),
    stderr: stream((text) => {
      ended.stderr += text;
      onStderr?.(text);
    }),
    signal: new AbortController().signal,
    openClient: () => scriptedClient(script, ended),
    openCluster: () => ({ clusters: [], nodes: unexpected, rayJobs: unexpected, close: async () => {} }),
    openKeys: unexpected,
    openInstallation: unexpected,
    user: () => "somebody",
    runWorker: unexpected,
    runScheduler: unexpected,
    runDashboard: unexpected,
    runDev: unexpected,
    tryOut: unexpected,
    describeUser: unexpected,
    ...doors,
  });
  return ended;
}

/** The one JSON document on standard output; throws when there is more or less. */
export function documentOf({ stdout }: Ended): unknown {
  return JSON.parse(stdout);
}

function scriptedClient(script: Script, ended: Ended): Client<TaskTypes> {
  async function answer<T>(value: T): Promise<T> {
    if (script.redis !== undefined) throw script.redis;
    return value;
  }
  const client: Pick<
    Client<TaskTypes>,
    "get" | "enqueue" | "tasks" | "inspect" | "control" | "schedules" | "search" | "close"
  > = {
    search: script.search ?? (() => Promise.reject(new Error("not scripted"))),
    get: (id) => answer(scriptedJob(script, id) as never),
    enqueue: (task, input, options) => {
      ended.calls.push({ task, input, options });
      return answer(scriptedJob(script, options?.id ?? jobId, task));
    },
    tasks: () => answer(script.tasks ?? []),
    inspect: {
      redis: () => Promise.reject(new Error("not scripted")),
      queues: () =>
        answer([
          {
            queue: "default",
            waiting: 0,
            scheduled: 0,
            active: 0,
            failed: 0,
            oldestMilliseconds: null,
            workers: script.workers ?? 1,
            waitingChildren: 0,
            paused: false,
          },
        ]),
      ...script.inspect,
    } as Client<TaskTypes>["inspect"],
    control: (script.control ?? {}) as Client<TaskTypes>["control"],
    schedules: (script.schedules ?? {}) as Client<TaskTypes>["schedules"],
    async close() {
      ended.closed += 1;
    },
  };
  return client as Client<TaskTypes>;
}

function scriptedJob(script: Script, id: string, task = "test.echo"): JobHandle {
  const snapshot: JobSnapshot = {
    id,
    task,
    queue: "default",
    state: "active",
    attempt: 1,
    attempts: 3,
    progress: undefined,
    tags: [],
    metadata: {},
    replayOf: undefined,
    replayedBy: undefined,
    calls: undefined,
    enqueuedAt: new Date("2026-01-02T03:04:05Z"),
    startedAt: undefined,
    endedAt: undefined,
    worker: undefined,
    input: {},
    output: undefined,
    error: undefined,
    cancelRequested: false,
    rayJob: undefined,
    ...script.snapshot,
  };
  const ends = script.ends ?? { output: "done" };
  return {
    id,
    task,
    queue: "default",
    state: async () => snapshot.state,
    snapshot: async () => snapshot,
    async *progress() {
      yield* script.progress ?? [];
    },
    async *logs({ follow = false } = {}) {
      yield* script.logs ?? [];
      if (follow && ends === "never") await new Promise(() => {});
    },
    async result() {
      // Progress and the state are told before the end comes.
      await new Promise((resolve) => setImmediate(resolve));
      await script.until;
      if (ends === "never") return new Promise(() => {});
      if ("error" in ends) throw ends.error as LovageError;
      return ends.output;
    },
    async *events() {},
    cancel: async () => script.cancel ?? "cancelled",
    forget: async () => {},
  };
}
