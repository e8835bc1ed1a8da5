import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Client, createClient } from "#client";
import { type Broker, openBroker } from "../../src/queue/broker.ts";
import type { RedisSettings } from "../../src/queue/connection.ts";
import { askOfEach } from "../../src/queue/scattered.ts";
import { type spawnLovage, startLovage } from "../support/lovage-process.ts";
import { startOwnRedis } from "../support/own-redis.ts";
import { type Accounts, balance } from "./accounts.ts";
import type { Round } from "./fault.ts";
import { type Ledger, openLedger } from "./ledger.ts";
import { catalogue, type LedgerTasks, ledgerSocket } from "./ledger-catalogue.ts";
import { type Load, type LoadOptions, type PlannedCall, startLoad } from "./load.ts";
import { type ChaosWorker, startWorker } from "./worker.ts";

export type OwnRedis = Awaited<ReturnType<typeof startOwnRedis>>;

/** A Redis that is not the world's own. */
export interface Place {
  /** By which the books are made. */
  redis: RedisSettings;
  /** By which the load comes. Default: as the books. */
  client?: RedisSettings;
  /** What the environment of each process says of it, and whatever else. */
  environment: Record<string, string>;
  /** Runs after all processes have ended. */
  close(): Promise<unknown>;
}

export interface WorldOptions {
  redis?: Parameters<typeof startOwnRedis>[0];
  /**
   * What stands between Redis and all that is Lovage's: given Redis' URL it starts, and says by which URL it is reached.
   * The books are made past it.
   */
  through?: (url: string) => Promise<{ url: string; close(): Promise<unknown> }>;
  /** Further environment of every process. */
  environment?: Record<string, string>;
}

/** A Redis of its own with an append-only file, processes as they are deployed, a load, and a ledger outside of it all. */
export interface ChaosWorld {
  readonly redis: OwnRedis;
  /** Straight to Redis. */
  readonly broker: Broker;
  readonly client: Client<LedgerTasks>;
  readonly ledger: Ledger;
  /** What the environment of each process says. */
  readonly environment: Readonly<Record<string, string>>;
  /** A `lovage worker` of the queue default with the ledger's tasks; resolves when it is ready. */
  worker(environment?: Record<string, string>): Promise<ChaosWorker>;
  /** Those that have not ended. */
  workers(): readonly ChaosWorker[];
  /** `lovage scheduler`, `dashboard` and the like; resolves when it is ready. */
  start(args: readonly string[], environment?: Record<string, string>): ReturnType<typeof startLovage>;
  /** Starts calling; `settle` ends it. */
  load(options: LoadOptions): Load;
  /**
   * Ends the loads, waits until every job has ended, ends the workers in good order, and balances the books.
   * @param patience milliseconds in which at least one job must end; default 60 s
   */
  settle(patience?: number): Promise<Accounts>;
  close(): Promise<void>;
}

export const prefix = "chaos";

/** Milliseconds between two lines of a wait. */
const talk = 5000;

export async function openWorld(round: Round, options: WorldOptions = {}): Promise<ChaosWorld> {
  const redis = await startOwnRedis(options.redis);
  const between = await options.through?.(redis.url);
  const url = between?.url ?? redis.url;
  const world = await openWorldAt(round, {
    redis: { url: redis.url },
    client: { url },
    environment: { REDIS_URL: url, ...options.environment },
    async close() {
      await between?.close();
      await redis.remove();
    },
  });
  return { ...world, redis };
}

/** The same with a Redis from elsewhere. */
export async function openWorldAt(round: Round, place: Place): Promise<Omit<ChaosWorld, "redis">> {
  const ledger = await openLedger(join(round.folder, ledgerSocket));
  const broker = await openBroker({ redis: { ...place.redis, prefix } });
  const client = createClient<LedgerTasks>({
    redis: { ...(place.client ?? place.redis), prefix },
    catalogue,
  });
  const straight = createClient<LedgerTasks>({ redis: { ...place.redis, prefix }, catalogue });
  const workers: ChaosWorker[] = [];
  const others: ReturnType<typeof spawnLovage>[] = [];
  const loads: Load[] = [];
  const environment = {
    REDIS_PREFIX: prefix,
    DATASETS_DIR: round.folder,
    MODELS_DIR: round.folder,
    // Nobody listens there; the ledger's tasks need no cluster.
    RAY_ADDRESS: "http://127.0.0.1:9",
    WORKER_LOCK_DURATION: "3s",
    // The books are made from what Redis keeps.
    RESULT_COUNT: "1000000",
    FAILURE_COUNT: "1000000",
    LOVAGE_TEST_CATALOGUE: fileURLToPath(new URL("ledger-catalogue.ts", import.meta.url)),
    ...place.environment,
  };

  const living = () =>
    workers.filter(({ process: { exitCode, signalCode } }) => (exitCode ?? signalCode) === null);
  /** Of the calls that were open at the last look, those whose job has not ended. */
  async function stillOpen(calls: readonly PlannedCall[]): Promise<PlannedCall[]> {
    const jobs = calls.map(({ id }) => ({ queue: "default", id }));
    const found = await askOfEach(broker, jobs, (pipeline, key) => pipeline.hmget(key, "name", "finishedOn"));
    return calls.filter((_call, index) => {
      const [name, finishedOn] = (found[index]?.[1] ?? []) as (string | null)[];
      return name !== null && finishedOn === null;
    });
  }

  /** A slow machine takes its time; only where nothing moves any more is there nothing to wait for. */
  async function untilEnded(patience: number): Promise<void> {
    let open = await stillOpen(loads.flatMap(({ calls }) => calls));
    let moved = performance.now();
    let told = moved;
    while (open.length > 0 && performance.now() - moved < patience) {
      await sleep(200, undefined, { signal: round.signal });
      const now = await stillOpen(open);
      if (now.length < open.length) moved = performance.now();
      open = now;
      if (performance.now() - told < talk) continue;
      told = performance.now();
      round.say(`${open.length} jobs have not ended yet`);
    }
    if (open.length > 0) round.say(`${open.length} jobs have not ended, nothing moved for ${patience} ms`);
  }

  return {
    broker,
    client,
    ledger,
    environment,
    workers: living,
    async worker(own = {}) {
      const name = `worker-${workers.length + 1}`;
      const started = await startWorker({
        WORKER_NAME: name,
        WORKER_QUEUES: "default",
        ...environment,
        ...own,
      });
      workers.push(started);
      return started;
    },
    async start(args, own = {}) {
      const started = await startLovage(args, { ...environment, ...own });
      others.push(started);
      return started;
    },
    load(asked) {
      if (loads.length > 0)
        throw new Error("one load a world: the ids of a second one would be the first one's");
      const backlog = async () => {
        const parts = broker.shards.map((shard) => shard.queue("default").getWaitingCount());
        return (await Promise.all(parts)).reduce((sum, part) => sum + part, 0);
      };
      const load = startLoad(client, round.random, backlog, asked);
      loads.push(load);
      return load;
    },
    async settle(patience = 60_000) {
      await Promise.all(loads.map((load) => load.stop()));
      await untilEnded(patience);
      const last = living();
      await Promise.all(last.map((worker) => worker.stop()));
      const calls = loads.flatMap((load) => load.calls);
      return balance({ client: straight, ledger, calls, workers: last, promise: round.promise });
    },
    async close() {
      await Promise.all(loads.map((load) => load.stop()));
      // One that is stopped by SIGSTOP ends by KILL all the same.
      await Promise.all([...workers, ...others].map((process) => process.kill()));
      await Promise.all([client.close(), straight.close()]);
      await broker.close();
      await ledger.close();
      await place.close();
    },
  };
}
