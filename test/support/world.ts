import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inject } from "vitest";
import { type Client, type ClientOptions, createClient } from "#client";
import type { Catalogue } from "#task";
import { createLogger } from "../../src/observe/logger.ts";
import { type Broker, openBroker } from "../../src/queue/broker.ts";
import type { RedisSettings } from "../../src/queue/connection.ts";
import { type BreakerOptions, createBreaker } from "../../src/ray/breaker.ts";
import { createClusterOperations } from "../../src/ray/cluster.ts";
import { createRayClusters } from "../../src/ray/clusters.ts";
import { createProgramPackage } from "../../src/ray/program.ts";
import { createRayRunner } from "../../src/ray/runner.ts";
import { submissionId } from "../../src/ray/submission.ts";
import { createRayClient, type RayClient } from "../../src/ray-client-http/index.ts";
import type { TaskSettings } from "../../src/task/context.ts";
import type { QueueName } from "../../src/task/definition.ts";
import { createWorker, type WorkerOptions } from "../../src/worker/worker.ts";
import { type TestTasks, testCatalogue, testPrograms } from "./catalogue.ts";
import { eachNode, makeRedisUsers } from "./redis-users.ts";

export { eventually } from "./eventually.ts";

/** A test's own queues in the shared Redis, its own folders, and whatever it starts, all gone at the end. */
export interface World {
  readonly prefix: string;
  /** As the user that may do anything; so is the broker. */
  readonly redis: RedisSettings & { url: string; prefix: string };
  readonly broker: Broker;
  /** As whom workers, schedulers and dashboards connect, as they are deployed; and as whom callers do. */
  readonly users: { readonly worker: RedisSettings; readonly client: RedisSettings };
  readonly client: Client<TestTasks>;
  /** Another client; the test closes it. */
  connect(options?: CommonClientOptions): Client<TestTasks>;
  /** What the environment of a command says to reach it. */
  readonly variables: Readonly<Record<string, string>>;
  readonly datasetsDir: string;
  /** A worker inside this process. */
  worker(options?: WorkerSettings): Promise<RunningWorker>;
  /** A worker in a process of its own, which the test may kill; resolves when it is ready. */
  workerProcess(environment?: Record<string, string>, script?: string): Promise<WorkerProcess>;
  /** The id under which an attempt of a job on the queue ml is submitted. */
  submissionId(jobId: string, attempt?: number): Promise<string>;
  /** The submission ids under which the cluster really ran a job's program. */
  runs(jobId: string): string[];
  close(): Promise<void>;
}

interface WorkerSettings
  extends Partial<
    Pick<
      WorkerOptions,
      "lockDuration" | "shutdownTimeout" | "retention" | "name" | "isolation" | "hooks" | "dependencies"
    >
  > {
  queues?: readonly QueueName[];
  concurrency?: number;
  catalogue?: Catalogue;
  settings?: Partial<TaskSettings>;
  rayAddress?: string;
  /** Addresses of further clusters, by name. */
  rayClusters?: Record<string, string>;
  /** Of each cluster. Default: none. */
  breaker?: Pick<BreakerOptions, "failures" | "probeInterval" | "onChange">;
  /** Milliseconds a Ray job waits for a silent cluster. */
  unavailableTimeout?: number;
}

export interface RunningWorker {
  stop(): Promise<void>;
}

export interface WorkerProcess extends RunningWorker {
  readonly process: ChildProcess;
  /** Everything it printed so far. */
  output(): string;
  kill(): Promise<void>;
}

const retention = {
  result: { age: 60_000, count: 1000 },
  failure: { age: 60_000, count: 1000 },
  logLines: 100,
};

/** What a client's options are on either side. */
export type CommonClientOptions = Pick<ClientOptions, "catalogue" | "timeout" | "hooks" | "onError">;

export interface WorldOptions {
  redisUrl?: string;
  rayAddress?: string;
  client?: CommonClientOptions;
  /** Whether callers are Redis' user "client" of deploy/redis/users.acl.rules. Default: they may do anything. */
  callsOnly?: boolean;
  /**
   * How many shards its queues have; `cluster` makes them lie in a Redis Cluster. Default: one, in one Redis; three where
   * LOVAGE_TEST_SPREAD is "shards" or "cluster", with which whole suites are run.
   */
  shards?: number;
  cluster?: boolean;
  /** Another cluster than the one that the tests share. */
  ownCluster?: Pick<RedisSettings, "cluster" | "tls" | "ca">;
}

export async function createWorld(options: WorldOptions = {}): Promise<World> {
  const prefix = `test-${randomUUID().slice(0, 8)}`;
  const url = options.redisUrl ?? inject("redisUrl");
  const everywhere = options.redisUrl === undefined ? process.env["LOVAGE_TEST_SPREAD"] : undefined;
  const { cluster = everywhere === "cluster", shards = everywhere === undefined ? undefined : 3 } = options;
  const redis = {
    url,
    prefix,
    ...(shards !== undefined && { shards }),
    ...(cluster && { cluster: inject("redisCluster") }),
    ...options.ownCluster,
  };
  const rayAddress = options.rayAddress ?? inject("rayAddress");
  const broker = await openBroker({ redis });
  const made = await makeRedisUsers(broker, redis);
  const users = options.callsOnly === true ? made : { ...made, client: redis };
  const connect = (asked: CommonClientOptions = {}) =>
    createClient<TestTasks>({ redis: users.client, ...asked });
  const client = connect({ catalogue: testCatalogue, ...options.client });
  const folder = mkdtempSync(join(tmpdir(), "lovage-world-"));
  const programs = testPrograms();
  const running: RunningWorker[] = [];

  return {
    prefix,
    redis,
    broker,
    client,
    connect,
    users,
    variables: toVariables(users.client),
    datasetsDir: folder,
    async worker(settings = {}) {
      const logger = await createLogger({ level: "silent", format: "json" });
      const ray = createRayClient({ address: settings.rayAddress ?? rayAddress });
      const clients: Record<string, RayClient> = { default: ray };
      for (const [name, address] of Object.entries(settings.rayClusters ?? {}))
        clients[name] = createRayClient({ address });
      const raySettings = {
        world: prefix,
        datasetsDir: folder,
        modelsDir: folder,
        uriSchemes: [],
        pip: undefined,
        unavailableTimeout: settings.unavailableTimeout ?? 60_000,
      };
      const rayRunner = createRayRunner(
        createRayClusters(
          Object.fromEntries(
            Object.entries(clients).map(([name, client]) => [
              name,
              {
                client,
                programs: createProgramPackage(client, programs),
                settings: raySettings,
                ...(settings.breaker && {
                  breaker: createBreaker({
                    ...settings.breaker,
                    cluster: name,
                    probe: () => client.version(),
                  }),
                }),
              },
            ]),
          ),
        ),
      );
      const workerBroker = await openBroker({ redis: users.worker });
      const queues = settings.queues ?? ["ml", "data", "default"];
      const worker = createWorker({
        name: settings.name ?? "test-worker",
        queues: queues.map((name) => ({ name, concurrency: settings.concurrency ?? 2 })),
        broker: workerBroker,
        catalogue: settings.catalogue ?? testCatalogue,
        rayRunner,
        cluster: createClusterOperations(clients),
        settings: { ...taskSettings(folder), ...settings.settings },
        logger,
        shutdownTimeout: settings.shutdownTimeout ?? 5000,
        lockDuration: settings.lockDuration ?? 5000,
        retention: settings.retention ?? retention,
        ...(settings.isolation && { isolation: settings.isolation }),
        ...(settings.hooks && { hooks: settings.hooks }),
        ...(settings.dependencies && { dependencies: settings.dependencies }),
      });
      await worker.start();
      const handle = {
        stop: once(async () => {
          await worker.stop();
          await Promise.all([
            workerBroker.close(),
            ...Object.values(clients).map((client) => client.close()),
          ]);
        }),
      };
      running.push(handle);
      return handle;
    },
    async workerProcess(environment = {}, script = "worker-process.ts") {
      const child = spawn(process.execPath, [fileURLToPath(new URL(script, import.meta.url))], {
        stdio: ["ignore", "pipe", "pipe", "ipc"],
        env: {
          PATH: process.env["PATH"] ?? "",
          ...toVariables(users.worker),
          RAY_ADDRESS: rayAddress,
          DATASETS_DIR: folder,
          MODELS_DIR: folder,
          WORKER_LOCK_DURATION: "3s",
          LOVAGE_TEST_PROGRAMS: programs,
          ...environment,
        },
      });
      let output = "";
      child.stdout?.on("data", (chunk) => (output += String(chunk)));
      child.stderr?.on("data", (chunk) => (output += String(chunk)));
      const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
      await Promise.race([
        new Promise<void>((resolve) => child.once("message", () => resolve())),
        ended.then(() => Promise.reject(new Error(`the worker ended before it was ready:\n${output}`))),
      ]);
      const end = async (signal: NodeJS.Signals) => {
        if (child.exitCode === null && child.signalCode === null) child.kill(signal);
        await ended;
      };
      const handle = {
        process: child,
        output: () => output,
        stop: () => end("SIGTERM"),
        kill: () => end("SIGKILL"),
      };
      running.push({ stop: handle.kill });
      return handle;
    },
    async submissionId(jobId, attempt = 1) {
      const enqueuedAt = Number(await broker.redis.hget(broker.keys.job("ml", jobId), "timestamp"));
      return submissionId({ jobId, task: "", queue: "ml", attempt, enqueuedAt }, prefix);
    },
    runs(jobId) {
      const ledger = join(folder, `runs-${jobId}`);
      return existsSync(ledger) ? readFileSync(ledger, "utf8").trim().split("\n") : [];
    },
    async close() {
      await Promise.all(running.map((worker) => worker.stop()));
      await client.close();
      for (const node of eachNode(broker.redis)) {
        for await (const keys of node.scanStream({ match: `*${prefix}:*`, count: 1000 })) {
          await Promise.all(keys.map((key: string) => node.unlink(key)));
        }
      }
      await made.remove();
      await broker.close();
      rmSync(folder, { recursive: true, force: true });
      rmSync(programs, { recursive: true, force: true });
    },
  };
}

function toVariables(settings: RedisSettings): Record<string, string> {
  const { host, port, username, password, prefix, cluster, shards } = settings;
  const url = cluster === undefined ? settings.url : undefined;
  const spread = {
    REDIS_CLUSTER: cluster?.map((node) => `${node.host}:${node.port}`).join(","),
    REDIS_SHARDS: shards,
  };
  const parts = { REDIS_HOST: host, REDIS_PORT: port, REDIS_USERNAME: username, REDIS_PASSWORD: password };
  const given = Object.entries({ REDIS_URL: url, REDIS_PREFIX: prefix, ...parts, ...spread });
  return Object.fromEntries(
    given.flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  );
}

function taskSettings(folder: string): TaskSettings {
  return {
    expectedNodes: 1,
    expectedCpus: 2,
    datasetsDir: folder,
    modelsDir: folder,
    healthChannels: ["log"],
    webhookUrl: undefined,
    smtpUrl: undefined,
    emailFrom: undefined,
    emailTo: undefined,
  };
}

function once(run: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => {
    done ??= run();
    return done;
  };
}
