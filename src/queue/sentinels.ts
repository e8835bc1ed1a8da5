import type { RedisOptions } from "ioredis";
import { LovageError } from "../core/errors.ts";

/** Where one server is. */
export interface Endpoint {
  host: string;
  port: number;
}

/** A Redis that Sentinel watches: who is asked where the master is, instead of an address of its own. */
export interface SentinelSettings {
  /** Some of the sentinels; the others are learned from them. With TLS, all of them speak it, as Redis does. */
  sentinels?: readonly Endpoint[] | undefined;
  /** What the sentinels call the master, as in `sentinel monitor NAME …`. */
  sentinelName?: string | undefined;
  /** Default: the sentinels' own user "default". */
  sentinelUsername?: string | undefined;
  sentinelPassword?: string | undefined;
}

/** How long one sentinel may take to answer before the next is asked, in milliseconds. */
const patience = 2000;

/** What ioredis is told of them; undefined where Redis is found by its own address. */
export function sentinelOptions(
  settings: SentinelSettings,
  tls: RedisOptions["tls"],
): Omit<RedisOptions, "replyMapping"> | undefined {
  const { sentinels = [], sentinelName, sentinelUsername, sentinelPassword } = settings;
  if (sentinels.length === 0 || sentinelName === undefined) return undefined;
  return {
    sentinels: sentinels.map(({ host, port }) => ({ host, port })),
    name: sentinelName,
    sentinelCommandTimeout: patience,
    // A master whose host went away never closes its connections: the sentinels tell when another one took its place.
    failoverDetector: true,
    // Two may tell wrongly for a while after the third did; each connection needs only one that tells.
    sentinelMaxConnections: 3,
    ...(sentinelUsername !== undefined && { sentinelUsername }),
    ...(sentinelPassword !== undefined && { sentinelPassword }),
    ...(tls !== undefined && { sentinelTLS: tls, enableTLSForSentinelMode: true }),
  };
}

/** For people: the master's name, and whom to ask for it. */
export function sentinelAddress({ sentinels = [], sentinelName }: SentinelSettings): string | undefined {
  if (sentinels.length === 0) return undefined;
  return `${sentinelName} (sentinels ${sentinels.map(endpointText).join(", ")})`;
}

function endpointText({ host, port }: Endpoint): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/**
 * Refuses sentinels without a name, and besides another address.
 * @throws LovageError `INPUT_INVALID`
 */
export function checkSentinels(settings: SentinelSettings & { url?: string | undefined }): void {
  const { sentinels, sentinelName, url } = settings;
  if ((sentinels === undefined || sentinels.length === 0) && sentinelName === undefined) return;
  if (sentinels === undefined || sentinels.length === 0 || !sentinelName) {
    const missing = sentinelName ? "sentinels" : "sentinelName";
    throw new LovageError(
      "INPUT_INVALID",
      `sentinels and sentinelName belong together: ${missing} is missing`,
      {
        field: missing,
        hint: 'say both: { sentinels: [{ host, port: 26379 }], sentinelName: "mymaster" }',
      },
    );
  }
  if (url !== undefined) {
    throw new LovageError("INPUT_INVALID", "both a URL and sentinels say where Redis is", {
      field: "url",
      hint: "leave one of them out; user, password and TLS of Redis go into username, password and tls",
    });
  }
}

/** What a sentinel's answer means, in words that say what to do; undefined for errors that are not about sentinels. */
export function sentinelHint(error: unknown): string | undefined {
  const text = error instanceof Error ? error.message : "";
  if (!/sentinel/i.test(text)) return undefined;
  if (/invalid reply/.test(text))
    return "no sentinel knows a master of this name: check REDIS_SENTINEL_NAME against `SENTINEL MASTERS`";
  if (/NOAUTH|WRONGPASS|NOPERM|invalid password/i.test(text))
    return "the sentinels have a user and a password of their own: REDIS_SENTINEL_USERNAME and REDIS_SENTINEL_PASSWORD";
  return "check that the sentinels run, and REDIS_SENTINELS";
}
