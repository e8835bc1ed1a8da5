import { Cluster, type Redis, type RedisOptions } from "ioredis";
import { tellWhyClosed } from "./closed-why.ts";
import { codeRefusals } from "./refusals.ts";
import { sendSingly } from "./single-commands.ts";
import { keepScriptsWhole, sendTexts } from "./whole-scripts.ts";

/** How long a command waits before it is tried again at another node while a master is replaced, in milliseconds. */
const retryDelay = 200;

/**
 * How often a command of a connection that waits for Redis is sent anew: for longer than any failover takes. What must
 * not wait for ever is bounded by who asks.
 */
const patientTries = 1_000_000;

/** For connections that send nothing later than asked: about three seconds. */
const impatientTries = 16;

/**
 * How often it is asked which node has which slots, in milliseconds. A master that hangs refuses nothing: only so is its
 * successor found, and what was sent to it is sent again.
 */
const slotsInterval = 5000;

/**
 * An unconnected client of a Redis Cluster. It stands where a client of one Redis is expected: each command goes to the
 * node of its keys, a pipeline or a transaction to the node of all its keys, which must be one.
 */
export function createCluster(
  nodes: readonly { readonly host: string; readonly port: number }[],
  credentials: Pick<RedisOptions, "username" | "password">,
  { maxRetriesPerRequest, enableOfflineQueue = true, retryStrategy, connectTimeout, tls }: RedisOptions,
  user: string,
  address: string,
): Redis {
  const { username, password } = credentials;
  const cluster = new Cluster(
    nodes.map(({ host, port }) => ({ host, port })),
    {
      lazyConnect: true,
      enableOfflineQueue,
      clusterRetryStrategy: (tries) => retryStrategy?.(tries) ?? null,
      maxRedirections: maxRetriesPerRequest === null ? patientTries : impatientTries,
      retryDelayOnFailover: retryDelay,
      retryDelayOnClusterDown: retryDelay,
      retryDelayOnTryAgain: retryDelay,
      slotsRefreshInterval: slotsInterval,
      slotsRefreshTimeout: 2000,
      // A certificate is for the name that a node tells, not for its address.
      ...(tls && {
        dnsLookup: (name: string, done: (error: null, found: string) => void) => done(null, name),
      }),
      redisOptions: {
        // BullMQ demands it of connections that block.
        maxRetriesPerRequest: null,
        ...(connectTimeout !== undefined && { connectTimeout }),
        ...(username !== undefined && { username }),
        ...(password !== undefined && { password }),
        ...(tls && { tls }),
      },
    },
  );
  // Both have the same commands and the same events, as far as anybody here is concerned.
  return told(cluster, user, address) as unknown as Redis;
}

/** Tells refusals with a code and the faults of nodes as its own, on this connection and those that are made from it. */
function told(cluster: Cluster, user: string, address: string): Cluster {
  cluster.on("+node", (node: Redis) => tellWhy(codeRefusals(node, user, address)));
  cluster.on("node error", (error: Error) => {
    if (cluster.listenerCount("error") > 0) cluster.emit("error", error);
  });
  sendTexts(cluster);
  keepScriptsWhole(cluster);
  sendSingly(cluster);
  const duplicate = cluster.duplicate.bind(cluster);
  cluster.duplicate = ((...overrides: Parameters<Cluster["duplicate"]>) =>
    told(duplicate(...overrides), user, address)) as typeof cluster.duplicate;
  return cluster;
}

/** A node is asked for the slots on a connection of its own, of whose errors nothing else is heard. */
function tellWhy(node: Redis): void {
  const duplicate = node.duplicate.bind(node);
  node.duplicate = ((overrides) => tellWhyClosed(duplicate(overrides))) as typeof node.duplicate;
}

function clusterOf(redis: unknown): Cluster | undefined {
  return redis instanceof Cluster ? redis : undefined;
}

/** Why no node told which has which slots: what the last one said. */
export function nodeErrorOf(error: Error & { lastNodeError?: unknown }): Error {
  return error.lastNodeError instanceof Error ? error.lastNodeError : error;
}

/** What each master says of itself; one Redis alone is its own. */
export async function infoOfEach(redis: Redis, ...section: ["memory"] | []): Promise<string[]> {
  const masters = clusterOf(redis)?.nodes("master") ?? [redis];
  return Promise.all(masters.map((node) => (section[0] === undefined ? node.info() : node.info(section[0]))));
}

/** Makes the clock of one node, the one that has the key, that of the whole cluster. */
export function useClockAt(redis: Redis, key: string): void {
  if (clusterOf(redis) === undefined) return;
  redis.defineCommand("lovageClock", { numberOfKeys: 1, lua: 'return redis.call("time")' });
  const clock = redis as unknown as { lovageClock(key: string): ReturnType<Redis["time"]> };
  redis.time = (() => clock.lovageClock(key)) as typeof redis.time;
}

/** Whether what a connection wrote may lie on several nodes. */
export function hasManyNodes(redis: Redis): boolean {
  return clusterOf(redis) !== undefined;
}
