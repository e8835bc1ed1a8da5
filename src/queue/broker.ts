import type { Queue, Telemetry } from "bullmq";
import type { Redis, RedisOptions } from "ioredis";
import { LovageError } from "../core/errors.ts";
import { queueNames } from "../task/definition.ts";
import {
  connectRedis,
  createRedis,
  defaultPrefix,
  defaultShards,
  type RedisSettings,
  redisAddress,
  requireNoEviction,
  toRedisSettings,
} from "./connection.ts";
import { createKeys, type Keys, type ShardKeys } from "./keys.ts";
import { requireLayout } from "./layout.ts";
import { createQueues, type Queues } from "./queues.ts";
import { useClockAt } from "./redis-cluster.ts";
import { type ScriptCommands, withScripts } from "./scripts.ts";
import { createShardMap } from "./shards.ts";

/** BullMQ's interface to traces; `bullmq-otel` has it for OpenTelemetry. */
export type { Telemetry } from "bullmq";

export interface BrokerOptions {
  redis: string | RedisSettings;
  /** Called with the reason every 2 s while Redis is away at the start. */
  onWaiting?: (reason: string) => void;
  /** Milliseconds to wait for Redis at the start. Default: for ever. */
  connectDeadline?: number;
  /** Errors of the connection; ioredis reconnects by itself. */
  onError?: (error: Error) => void;
  /** Makes a trace of what is enqueued and run. Default: none. */
  telemetry?: Telemetry | undefined;
}

/** One process' hold on Redis: a connection for commands, and the queues on it. */
export interface Broker {
  readonly redis: Redis & ScriptCommands;
  readonly settings: RedisSettings;
  readonly keys: Keys;
  /** Host and port, without the password. */
  readonly address: string;
  readonly telemetry: Telemetry | undefined;
  /** The part of a BullMQ queue that a job is in; made at the first call. */
  queueAt(name: string, id: string): Queue;
  /** The part of a BullMQ queue that is at home: all of it where there is one shard. */
  queue(name: string): Queue;
  /** One unless there is a Redis Cluster, or more were asked for. The first is home. */
  readonly shards: readonly [Shard, ...Shard[]];
  /** A further connection, for what blocks, subscribes or must not be repeated. */
  duplicate(options?: Pick<RedisOptions, "maxRetriesPerRequest" | "enableOfflineQueue">): Redis;
  close(): Promise<void>;
}

/** A broker's view of one shard: for who goes over the jobs of a queue, part by part. */
export interface Shard extends Broker {
  readonly keys: Keys & ShardKeys;
  /** The shard's part of a queue. */
  queue(name: string): Queue;
}

/**
 * Connects to Redis and refuses one that evicts.
 * @throws LovageError `REDIS_UNAVAILABLE`, `REDIS_POLICY`, `REDIS_LAYOUT`
 */
export async function openBroker(options: BrokerOptions): Promise<Broker> {
  const settings = toRedisSettings(options.redis);
  const keys = keysOf(settings);
  const redis = withScripts(createRedis(settings));
  const onError = options.onError ?? (() => {});
  redis.on("error", onError);
  try {
    await connectRedis(redis, settings, options.onWaiting, options.connectDeadline);
    await Promise.all([requireNoEviction(redis, settings), requireLayout(redis, keys, settings)]);
  } catch (error) {
    redis.disconnect();
    throw error;
  }
  useClockAt(redis, keys.schedules);
  const queues = createQueues(redis, keys, onError, options.telemetry);
  let closing: Promise<void> | undefined;
  const broker = {
    redis,
    settings,
    keys,
    address: redisAddress(settings),
    telemetry: options.telemetry,
    queueAt: queues.queueAt,
    queue: (name: string) => queues.ofShard(0, name),
    duplicate(overrides?: Parameters<Broker["duplicate"]>[0]) {
      const further = createRedis(settings, overrides);
      further.on("error", onError);
      return further;
    },
    close() {
      closing ??= (async () => {
        await queues.close();
        redis.disconnect();
      })();
      return closing;
    },
  };
  return { ...broker, shards: shardsOf(broker, queues) };
}

function keysOf({ prefix = defaultPrefix, shards, cluster }: RedisSettings): Keys {
  const count = shards ?? (cluster === undefined ? 1 : defaultShards);
  return createKeys(prefix, createShardMap(prefix, count, cluster !== undefined || count > 1));
}

function shardsOf(broker: Omit<Broker, "shards">, queues: Queues): [Shard, ...Shard[]] {
  const [home, ...others] = broker.keys.shards.map((own): Shard => {
    const shard: Shard = {
      ...broker,
      // A job that others put here is here, whatever its id says.
      keys: { ...broker.keys, ...own, at: () => own, shardOf: () => own.shard },
      queue: (name) => queues.ofShard(own.shard, name),
      queueAt: (name) => queues.ofShard(own.shard, name),
      get shards(): [Shard] {
        return [shard];
      },
    };
    return shard;
  });
  return [home as Shard, ...others];
}

/** The parts of queues, one in each shard. */
export function partsOf<Name extends string>(
  { shards }: { shards: readonly Shard[] },
  queues: readonly Name[],
): { shard: Shard; queue: Name }[] {
  return queues.flatMap((queue) => shards.map((shard) => ({ shard, queue })));
}

/**
 * The queue that holds a job, found by looking into each.
 * @throws LovageError `JOB_NOT_FOUND`; `JOB_AMBIGUOUS` when several have a job of this id: callers choose ids
 */
export async function findQueue(broker: Broker, id: string): Promise<string> {
  const pipeline = broker.redis.pipeline();
  for (const queue of queueNames) pipeline.hexists(broker.keys.job(queue, id), "name");
  const answers = (await pipeline.exec()) ?? [];
  const [found, ...others] = queueNames.filter((_queue, index) => answers[index]?.[1] === 1);
  if (found === undefined) throw jobNotFound(id);
  if (others.length === 0) return found;
  throw new LovageError(
    "JOB_AMBIGUOUS",
    `the queues ${[found, ...others].join(" and ")} have a job ${id} each`,
    {
      field: "id",
      value: id,
      hint: "name the queue as well: client.get(id, { queue }), or --queue",
    },
  );
}

export function jobNotFound(id: string): LovageError {
  return new LovageError("JOB_NOT_FOUND", `no job has the id ${JSON.stringify(id)}`, {
    field: "id",
    value: id,
    hint: "check the id; jobs that ended long ago are removed (RESULT_AGE, FAILURE_AGE), and so is one whose place a debounced call took",
  });
}
