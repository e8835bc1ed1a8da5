import { type Duration, toMilliseconds } from "../core/durations.ts";
import { describeError, LovageError } from "../core/errors.ts";
import type { Telemetry } from "../queue/broker.ts";
import type { RedisSettings } from "../queue/connection.ts";
import type { Catalogue } from "../task/catalogue.ts";
import { createEnqueueGate, type EnqueueGate } from "../task/enqueue-hooks.ts";
import type { EnqueueHooks } from "../task/hooks.ts";
import { readAddress } from "./address.ts";

interface CommonOptions {
  /** The tasks, to check inputs against the very schemas. Default: what the workers published. */
  catalogue?: Catalogue;
  /** How long a call waits for an answer. Default "10s". */
  timeout?: Duration;
  /** Around every call of this client. The first is outermost. */
  hooks?: readonly EnqueueHooks[];
  /** Hears of connection faults and of hooks that fail after the fact; the client reconnects by itself. Default: silence. */
  onError?: (error: Error) => void;
}

/** A client over Redis. */
export interface RedisClientOptions extends CommonOptions {
  /** A URL (`redis://:password@host:6380`) or its parts. */
  redis: string | RedisSettings;
  /** Makes each call a span and lets its trace go on in the job: `new BullMQOtel()` of the package `bullmq-otel`. */
  telemetry?: Telemetry | Promise<Telemetry | undefined> | undefined;
  url?: undefined;
  apiKey?: undefined;
}

/** A client over the HTTP API of a dashboard. */
export interface HttpClientOptions extends CommonOptions {
  /** Where the dashboard is: `https://lovage.example.org`. */
  url: string;
  /** Made by `lovage keys`. What the client may do is what the key's scopes say. */
  apiKey: string;
  /** Lets the key travel over plain http to other machines than this one, for who trusts the network. Default: refused. */
  insecure?: boolean;
  /** PEM text of the authority that signed the dashboard's certificate, where no public one did. On Node only. */
  ca?: string | undefined;
  /** Instead of the global one, for proxies; `ca` is not asked then. */
  fetch?: typeof fetch;
  redis?: undefined;
}

/** Either Redis or a URL. */
export type ClientOptions = RedisClientOptions | HttpClientOptions;

/**
 * Refuses options that name no side or both, before anything is done.
 * @throws LovageError `INPUT_INVALID`
 */
export function checkOptions(options: ClientOptions): void {
  const { redis, url, apiKey, timeout } = options as { [name in keyof HttpClientOptions]?: unknown } & {
    timeout?: Duration;
  };
  const over = { redis: "createClient({ redis })", http: "createClient({ url, apiKey })" };
  if (redis !== undefined && (url !== undefined || apiKey !== undefined))
    throw refused("url", `both a Redis and an API are named`, `use either ${over.redis} or ${over.http}`);
  if (redis === undefined && url === undefined)
    throw refused("redis", "neither a Redis nor an API is named", `use ${over.redis} or ${over.http}`);
  if (options.url !== undefined) readAddress(options);
  if (timeout !== undefined) toMilliseconds(timeout, "timeout");
}

function refused(field: string, message: string, hint: string): LovageError {
  return new LovageError("INPUT_INVALID", message, { field, hint });
}

/** What the client's hooks do to each call; undefined where none of them has to do with calls. */
export function gateOf({ hooks = [], onError }: CommonOptions): EnqueueGate | undefined {
  return createEnqueueGate(hooks, (hook, error) => {
    const message = `the hook ${hook} failed: ${describeError(error)}`;
    onError?.(new LovageError("UNEXPECTED", message, { cause: error }));
  });
}
