import { describeError } from "../core/errors.ts";
import type { Logger } from "../observe/logger.ts";
import type { Broker, Shard } from "../queue/broker.ts";
import { type ExpiryCursor, expireWaiting } from "../queue/expiry.ts";
import { sampleBacklog } from "../queue/history.ts";
import { areOver } from "../queue/over.ts";
import { sweepParkedWorkflows } from "../queue/parked-workflows.ts";
import { createRayStops } from "../queue/ray-stops.ts";
import { readRedisId } from "../queue/redis-id.ts";
import { forgetDeadWorkers } from "../queue/registry.ts";
import { removeOld } from "../queue/retention.ts";
import type { RayUpkeep } from "../ray/orphans.ts";
import { queueNames } from "../task/definition.ts";
import type { SchedulerObserver } from "./observer.ts";

export interface UpkeepParts {
  broker: Broker;
  logger: Logger;
  observer: SchedulerObserver;
  /** Without it Ray jobs are left to the workers. */
  ray?: RayUpkeep | undefined;
  /** Milliseconds that ended jobs are kept. Without it they are removed when others end. */
  retention?: { completed: number; failed: number } | undefined;
}

/** What is done each minute by the scheduler that acts. Every step may be done twice, or by two at once. */
interface Step {
  name: string;
  /** What it did, for the log. */
  did: string;
  /** @returns how many */
  run(): Promise<number>;
}

export function createUpkeep({ broker, logger, observer, ray, retention }: UpkeepParts) {
  const stops = createRayStops(broker);
  const expiryCursor: ExpiryCursor = new Map();
  const perQueue = (work: (shard: Shard, queue: string) => Promise<number>) => async () => {
    let count = 0;
    for (const shard of broker.shards) {
      for (const queue of queueNames) count += await work(shard, queue);
    }
    return count;
  };
  const steps: Step[] = [
    {
      name: "sweep",
      did: "workflows that waited in vain go on",
      run: perQueue(async (shard, queue) => (await sweepParkedWorkflows(shard, queue)).length),
    },
    {
      name: "expire",
      did: "waiting jobs had expired",
      run: perQueue(async (shard, queue) => (await expireWaiting(shard, queue, expiryCursor)).length),
    },
    {
      name: "backlog",
      did: "queues were looked at",
      // Nothing to tell of: it is for the charts.
      run: () => sampleBacklog(broker).then(() => 0),
    },
    { name: "forget-workers", did: "dead workers are forgotten", run: () => forgetDeadWorkers(broker) },
  ];
  if (retention !== undefined) {
    steps.push({
      name: "trim",
      did: "old jobs are removed",
      run: perQueue((shard, queue) => removeOld(shard, queue, retention)),
    });
  }
  if (ray !== undefined) {
    steps.push({
      name: "reap",
      did: "Ray jobs whose jobs are over are being stopped",
      async run() {
        const redisId = await readRedisId(broker);
        return (await ray.stopOrphans(redisId, stops, (jobs) => areOver(broker, jobs))).length;
      },
    });
  }

  return {
    /** Does each step; one that fails keeps none of the others. @param acts asked before each */
    async run(acts: () => boolean): Promise<void> {
      for (const { name, did, run } of steps) {
        if (!acts()) return;
        try {
          const count = await run();
          observer.upkeep?.(name, count);
          if (count > 0) logger.info({ step: name, count }, did);
        } catch (error) {
          observer.upkeepFailed?.(name);
          logger.warn({ step: name, reason: describeError(error) }, "a step of the upkeep failed");
        }
      }
    },
    createReaper: () => ray?.createReaper(stops, logger),
  };
}
