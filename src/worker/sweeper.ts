import { describeError } from "../core/errors.ts";
import type { Service } from "../process/service.ts";
import type { Broker } from "../queue/broker.ts";
import { hasScheduler } from "../queue/lease.ts";
import { sweepParkedWorkflows } from "../queue/parked-workflows.ts";
import type { TaskLogger } from "../task/context.ts";

/** How often workflows are looked for that wait in vain, in milliseconds. */
const interval = 30_000;

/**
 * Finds workflows whose calls have all ended without their hearing of it. That is the scheduler's to do; where none
 * runs, every worker does so for its queues. Waking a workflow twice does no harm.
 */
export function createSweeper(broker: Broker, queues: () => readonly string[], logger: TaskLogger): Service {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();

  async function sweep(): Promise<void> {
    if (await hasScheduler(broker)) return;
    for (const queue of queues()) {
      const woken: string[] = [];
      for (const shard of broker.shards) woken.push(...(await sweepParkedWorkflows(shard, queue)));
      if (woken.length > 0) logger.warn({ queue, workflows: woken }, "workflows that waited in vain go on");
    }
  }

  return {
    async start() {
      timer = setInterval(() => {
        running = running.then(sweep).catch((error) => {
          logger.debug({ reason: describeError(error) }, "workflows could not be looked at");
        });
      }, interval);
    },
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}
