import { Redis, type RedisOptions } from "ioredis";
import { describeError, LovageError } from "../core/errors.ts";
import { tlsFaultOf, tlsHint } from "../core/tls-faults.ts";
import { askAnother } from "./demotion.ts";
import { createCluster, infoOfEach, nodeErrorOf } from "./redis-cluster.ts";
import { codeRefusals } from "./refusals.ts";
import { mendSentinels, sentinelFault } from "./sentinel-connector.ts";
import {
  checkSentinels,
  type SentinelSettings,
  sentinelAddress,
  sentinelHint,
  sentinelOptions,
} from "./sentinels.ts";
import { sendTexts } from "./whole-scripts.ts";

/** Where Redis is. A URL wins over host and port; sentinels stand instead of either. */
export interface RedisSettings extends SentinelSettings {
  url?: string | undefined;
  host?: string | undefined;
  port?: number | undefined;
  /** Default: Redis' own user "default". */
  username?: string | undefined;
  password?: string | undefined;
  tls?: boolean | undefined;
  /** PEM text of the authority that signed Redis' certificate. */
  ca?: string | undefined;
  /** What every key begins with. Default "lovage". */
  prefix?: string | undefined;
  /** Some nodes of a Redis Cluster, from which all others are found. Instead of a host and a port, or a URL. */
  cluster?: readonly { readonly host: string; readonly port: number }[] | undefined;
  /** How many parts each queue has, in hash slots of their own. Default: 1; in a cluster {@link defaultShards}. */
  shards?: number | undefined;
}

/** In a cluster: four for each of the three masters that most have, and even for two, four, six and twelve. */
export const defaultShards = 12;

export const defaultPrefix = "lovage";

/**
 * A URL or settings as settings.
 * @throws LovageError `INPUT_INVALID` for sentinels without a name, or beside a URL
 */
export function toRedisSettings(redis: string | RedisSettings): RedisSettings {
  if (typeof redis === "string") return { url: redis };
  checkSentinels(redis);
  if (redis.cluster !== undefined && redis.sentinels !== undefined) {
    throw new LovageError("INPUT_INVALID", "both a cluster and sentinels are named", {
      field: "cluster",
      hint: "leave the sentinels out: a cluster replaces its masters itself",
    });
  }
  return redis;
}

/** Redis' address for people: host, port and database, or its name and the sentinels; never the password. */
export function redisAddress(settings: RedisSettings): string {
  const sentinels = sentinelAddress(settings);
  if (sentinels !== undefined) return sentinels;
  if (settings.cluster !== undefined)
    return settings.cluster.map(({ host, port }) => `${host}:${port}`).join(",");
  if (settings.url === undefined) return `${settings.host ?? "127.0.0.1"}:${settings.port ?? 6380}`;
  const url = URL.parse(settings.url);
  return url === null
    ? "(no URL)"
    : `${url.hostname}:${url.port || 6379}${url.pathname === "/" ? "" : url.pathname}`;
}

/** Who Redis takes the caller for. */
function redisUser({ url, username, cluster }: RedisSettings): string {
  const name =
    url === undefined || cluster !== undefined
      ? username
      : decodeURIComponent(URL.parse(url)?.username ?? "");
  return name || "default";
}

function speaksTls({ tls, url }: RedisSettings): boolean {
  return tls === true || url?.startsWith("rediss:") === true;
}

/**
 * An unconnected client. Commands wait while Redis is away (`maxRetriesPerRequest: null`, which BullMQ demands of its
 * blocking connections); callers that must not wait bound their calls with {@link withDeadline}.
 */
export function createRedis(
  settings: RedisSettings,
  overrides: Pick<RedisOptions, "maxRetriesPerRequest" | "enableOfflineQueue"> = {},
): Redis {
  const options: Omit<RedisOptions, "replyMapping"> = {
    lazyConnect: true,
    maxRetriesPerRequest: null,
    retryStrategy: (tries) => Math.min(50 * 2 ** Math.min(tries, 6), 2000),
    connectTimeout: 5000,
    reconnectOnError: askAnother,
    ...overrides,
  };
  if (speaksTls(settings)) options.tls = settings.ca === undefined ? {} : { ca: settings.ca };
  if (settings.cluster !== undefined)
    return createCluster(settings.cluster, settings, options, redisUser(settings), redisAddress(settings));
  const sentinels = sentinelOptions(settings, options.tls);
  const coded = (redis: Redis) => {
    sendTexts(redis);
    return codeRefusals(redis, redisUser(settings), redisAddress(settings));
  };
  if (settings.url !== undefined) return coded(new Redis(settings.url, options));
  if (sentinels === undefined) {
    options.host = settings.host ?? "127.0.0.1";
    options.port = settings.port ?? 6380;
  } else Object.assign(options, sentinels);
  if (settings.username !== undefined) options.username = settings.username;
  if (settings.password !== undefined) options.password = settings.password;
  const redis = coded(new Redis(options));
  return sentinels === undefined ? redis : mendSentinels(redis);
}

/**
 * Connects and waits until Redis answers.
 * @param onWaiting called with the reason, at most every 2 s, while Redis is away
 * @param deadline milliseconds after which it gives up; default: never
 * @throws LovageError `REDIS_UNAVAILABLE` after the deadline, or at once when Redis refuses the user, or its certificate
 * cannot be trusted
 */
export async function connectRedis(
  redis: Redis,
  settings: RedisSettings,
  onWaiting: (reason: string) => void = () => {},
  deadline = Number.POSITIVE_INFINITY,
): Promise<void> {
  const address = redisAddress(settings);
  let last: unknown;
  let ofSentinels: Error | undefined;
  let fault: Error | undefined;
  const rememberSentinel = (error: Error) => {
    ofSentinels = new Error(error.message, { cause: fault });
    fault = undefined;
  };
  const rememberFault = (error: Error) => {
    fault = error;
  };
  const remember = (error: Error) => {
    // That none of them could tell, of which the last one's answer says why.
    last = /^All sentinels/.test(error.message) ? (ofSentinels ?? error) : nodeErrorOf(error);
    // One that does not speak TLS waits for the rest of what it takes for a command.
    if (speaksTls(settings) && (error as NodeJS.ErrnoException).code === "ETIMEDOUT")
      last = new Error("no TLS came about, as with a Redis that does not speak it on this port (REDIS_TLS)", {
        cause: error,
      });
  };
  // Says why only where nothing was said before; a Redis that speaks TLS tells those who do not nothing else.
  const closed = () => {
    last ??= new Error(
      speaksTls(settings)
        ? "it closes the connection"
        : "it closes the connection, as one does that speaks TLS (REDIS_TLS=true, or rediss://)",
    );
  };
  redis.on("error", remember);
  redis.on("sentinelError", rememberSentinel);
  redis.on(sentinelFault, rememberFault);
  const timer = setInterval(
    () => onWaiting(last === undefined ? "no answer yet" : describeError(last)),
    2000,
  );
  try {
    const until = Date.now() + deadline;
    redis.connect().catch(closed);
    while (redis.status !== "ready") {
      const left = Math.min(250, until - Date.now());
      if (isRefusal(last) || tlsFaultOf(last) !== undefined || left <= 0)
        throw unavailable(address, last, hintOf(settings, last));
      await new Promise((resolve) => setTimeout(resolve, Math.min(left, 20)));
    }
    await withDeadline(redis.ping(), Math.max(1, Math.min(until - Date.now(), 10_000)), address);
  } catch (error) {
    redis.disconnect();
    throw error instanceof LovageError ? error : unavailable(address, error);
  } finally {
    clearInterval(timer);
    redis.off("error", remember);
    redis.off("sentinelError", rememberSentinel);
    redis.off(sentinelFault, rememberFault);
  }
}

/** Rejects with `REDIS_UNAVAILABLE` when Redis has not answered in time; the command may still be carried out later. */
export async function withDeadline<T>(answer: Promise<T>, milliseconds: number, address: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(unavailable(address, `no answer in ${milliseconds} ms`)), milliseconds);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
    answer.catch(() => {});
  }
}

/**
 * Refuses a Redis that may evict keys: jobs are keys. Some managed ones do not tell; `lovage smoke` warns of them.
 * @throws LovageError `REDIS_POLICY`
 */
export async function requireNoEviction(redis: Redis, settings: RedisSettings): Promise<void> {
  const infos = await infoOfEach(redis, "memory");
  // A managed Redis may hide it.
  const policies = infos.flatMap((info) => /maxmemory_policy:(\S+)/.exec(info)?.[1] ?? []);
  const policy = policies.find((found) => found !== "noeviction");
  if (policy === undefined) return;
  throw new LovageError(
    "REDIS_POLICY",
    `Redis at ${redisAddress(settings)} has maxmemory-policy ${policy}: under memory pressure it would throw jobs away`,
    {
      field: "maxmemory-policy",
      value: policy,
      hint: "run `CONFIG SET maxmemory-policy noeviction` and write `maxmemory-policy noeviction` into redis.conf; a managed Redis has it among its parameters",
    },
  );
}

function hintOf(settings: RedisSettings, error: unknown): string | undefined {
  const fault = tlsFaultOf(error);
  if (fault === undefined) return sentinelHint(error);
  const given = settings.ca !== undefined;
  const plain = "leave out REDIS_TLS, and write redis:// instead of rediss://";
  return tlsHint(fault, { whose: "Redis", setting: "REDIS_CA_FILE", given, plain });
}

function isRefusal(error: unknown): boolean {
  return (
    error instanceof Error &&
    /WRONGPASS|NOAUTH|NOPERM|invalid password|cluster support disabled/i.test(error.message)
  );
}

/** The error of a Redis that does not answer, or refuses. */
export function unavailable(address: string, cause: unknown, hint?: string): LovageError {
  const why = cause === undefined ? "no answer" : describeError(cause);
  return new LovageError("REDIS_UNAVAILABLE", `Redis at ${address} cannot be used: ${why}`, {
    cause,
    hint: /cluster support disabled/.test(why)
      ? "it is no cluster: leave out REDIS_CLUSTER, and set REDIS_HOST and REDIS_PORT"
      : isRefusal(cause) && sentinelHint(cause) === undefined
        ? "check the user and its password: REDIS_USERNAME and REDIS_PASSWORD, or those in REDIS_URL"
        : (hint ?? "check that it runs, and REDIS_URL, REDIS_CLUSTER, or REDIS_HOST and REDIS_PORT"),
  });
}
