import type { Logger } from "../observe/logger.ts";
import type { Service } from "../process/service.ts";
import type { Broker } from "../queue/broker.ts";
import type { Catalogue } from "../task/catalogue.ts";

export interface SchedulerOptions {
  broker: Broker;
  catalogue: Catalogue;
  logger: Logger;
}

/** Calls tasks at the times that their schedules say. */
export function createScheduler(_options: SchedulerOptions): Service {
  return {
    async start() {},
    async stop() {},
  };
}
