import type { Queue, Telemetry } from "bullmq";
import type { Redis, RedisOptions } from "ioredis";
import { LovageError } from "../core/errors.ts";
import { queueNames } from "../task/definition.ts";
import {
  connectRedis,
  createRedis,
  defaultPrefix,
  type RedisSettings,
  redisAddress,
  requireNoEviction,
  toRedisSettings,
} from "./connection.ts";
import { createKeys, type Keys } from "./keys.ts";
import { createQueues } from "./queues.ts";
import { type ScriptCommands, withScripts } from "./scripts.ts";

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
  /** The BullMQ queue of a name; made at the first call. */
  queue(name: string): Queue;
  /** A further connection, for what blocks, subscribes or must not be repeated. */
  duplicate(options?: Pick<RedisOptions, "maxRetriesPerRequest" | "enableOfflineQueue">): Redis;
  close(): Promise<void>;
}

/**
 * Connects to Redis and refuses one that evicts.
 * @throws LovageError `REDIS_UNAVAILABLE`, `REDIS_POLICY`
 */
export async function openBroker(options: BrokerOptions): Promise<Broker> {
  const settings = toRedisSettings(options.redis);
  const redis = withScripts(createRedis(settings));
  const onError = options.onError ?? (() => {});
  redis.on("error", onError);
  try {
    await connectRedis(redis, settings, options.onWaiting, options.connectDeadline);
    await requireNoEviction(redis, settings);
  } catch (error) {
    redis.disconnect();
    throw error;
  }
  const keys = createKeys(settings.prefix ?? defaultPrefix);
  const queues = createQueues(redis, keys.prefix, onError, options.telemetry);
  let closing: Promise<void> | undefined;
  return {
    redis,
    settings,
    keys,
    address: redisAddress(settings),
    telemetry: options.telemetry,
    queue: queues.queue,
    duplicate(overrides) {
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
