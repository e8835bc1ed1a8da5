import * as z from "zod";
import { parseJson } from "../core/json.ts";
import { parseRate, type Rate } from "../core/rate.ts";
import { readTimeLimits, type TimeLimits } from "../task/limits.ts";
import type { Broker } from "./broker.ts";

/** What an operator set for a task, instead of what its definition says. `off`: no limit at all. */
export interface LimitOverride {
  rate?: Rate | "off";
  time?: TimeLimits | "off";
}

const milliseconds = z.number().nonnegative();
/** What a field of the hash may hold, by its kind. */
const kinds = {
  rate: z.object({
    rate: z.literal("off").or(z.object({ count: z.number().int().positive(), per: milliseconds })),
  }),
  time: z.object({
    time: z.literal("off").or(z.object({ soft: milliseconds.optional(), hard: milliseconds.optional() })),
  }),
};

/** What operators set, by task. */
export async function readLimitOverrides({
  redis,
  keys,
}: Pick<Broker, "redis" | "keys">): Promise<Map<string, LimitOverride>> {
  const fields = await redis.hgetall(keys.limits);
  const overrides = new Map<string, LimitOverride>();
  for (const [field, json] of Object.entries(fields)) {
    const [, kind, task = ""] = /^(rate|time):(.*)$/.exec(field) ?? [];
    if (kind !== "rate" && kind !== "time") continue;
    // Anybody may write here; what is no limit limits nothing.
    const override = kinds[kind].safeParse({ [kind]: parseJson(json) });
    if (override.success)
      overrides.set(task, { ...overrides.get(task), ...(override.data as LimitOverride) });
  }
  return overrides;
}

/** @throws LovageError `INPUT_INVALID` when the text is no rate */
export async function setRateLimit({ redis, keys }: Broker, task: string, rate: string): Promise<void> {
  const value = rate === "off" ? rate : parseRate(rate);
  await redis.hset(keys.limits, `rate:${task}`, JSON.stringify(value));
}

/** @throws LovageError `INPUT_INVALID` */
export async function setTimeLimit(
  { redis, keys }: Broker,
  task: string,
  limits: Parameters<typeof readTimeLimits>[0] | "off",
): Promise<void> {
  const value = limits === "off" ? limits : readTimeLimits(limits);
  await redis.hset(keys.limits, `time:${task}`, JSON.stringify(value));
}

/** From now on the task's definition holds again. */
export async function clearLimitOverride(
  { redis, keys }: Broker,
  task: string,
  kind: "rate" | "time",
): Promise<void> {
  await redis.hdel(keys.limits, `${kind}:${task}`);
}

/** A worker's view of the overrides, for questions before each attempt: it is in memory. */
export interface LimitOverrides {
  /** @returns undefined where the task's definition holds */
  rateLimit(task: string): Rate | "off" | undefined;
  /** @returns no limits where they are off; undefined where the task's definition holds */
  timeLimits(task: string): TimeLimits | undefined;
  /** Reads them anew; called when a change is announced. */
  refresh(): Promise<void>;
  /** Reads them, and from then on again and again. */
  start(): Promise<void>;
  stop(): void;
}

/** How often they are read anew, in case an announcement was lost. Milliseconds. */
const refreshInterval = 10_000;

export function createLimitOverrides(broker: Broker, onError: (error: Error) => void): LimitOverrides {
  let overrides = new Map<string, LimitOverride>();
  let timer: NodeJS.Timeout | undefined;

  async function refresh(): Promise<void> {
    overrides = await readLimitOverrides(broker);
  }

  return {
    rateLimit: (task) => overrides.get(task)?.rate,
    timeLimits(task) {
      const time = overrides.get(task)?.time;
      return time === "off" ? {} : time;
    },
    refresh,
    async start() {
      await refresh();
      timer = setInterval(() => void refresh().catch(onError), refreshInterval).unref();
    },
    stop: () => clearInterval(timer),
  };
}
