import { describeError } from "../core/errors.ts";
import type { Broker } from "./broker.ts";
import { withDeadline } from "./connection.ts";
import { readDepths } from "./depths.ts";
import { toOverview } from "./measurements.ts";
import type { WorkerBeat } from "./registry.ts";
import { judge } from "./workers.ts";

/** How long Redis may take for an answer, in milliseconds. */
const patience = 1000;

/** What is wrong with the connection to Redis; undefined: nothing. */
export async function lookAtRedis({ redis, address }: Broker): Promise<string | undefined> {
  // A ping would wait for the connection.
  if (redis.status !== "ready") return `there is no connection to Redis at ${address}`;
  return withDeadline(redis.ping(), patience, address).then(() => undefined, describeError);
}

/**
 * Why a worker is stuck: it takes nothing though jobs wait and it has free slots, or its event loop was held up; undefined:
 * it is not, or nobody can tell while Redis is away: to start a worker again would not bring it back.
 */
export async function lookAtWorker(
  broker: Broker,
  status: () => WorkerBeat & { name: string },
): Promise<string | undefined> {
  if (broker.redis.status !== "ready") return undefined;
  const queues = await withDeadline(readDepths(broker), patience, broker.address).catch(() => undefined);
  if (queues === undefined) return undefined;
  const { state, why } = judge({ ...status(), instance: "", age: 0 }, queues.map(toOverview));
  return state === "stuck" ? why : undefined;
}
