import type { DashboardParts } from "../parts.ts";
import { deadLetterHandlers } from "./dead-letters.ts";
import { jobStreamHandlers } from "./job-streams.ts";
import { jobHandlers } from "./jobs.ts";
import type { Handlers } from "./operation-types.ts";
import { queueHandlers } from "./queues.ts";
import { scheduleHandlers } from "./schedules.ts";
import { serviceHandlers } from "./service.ts";
import { taskHandlers } from "./tasks.ts";
import { workerHandlers } from "./workers.ts";

/** What every operation does. */
export function createHandlers(parts: DashboardParts): Handlers {
  return {
    ...jobHandlers(parts),
    ...jobStreamHandlers(parts),
    ...deadLetterHandlers(parts),
    ...taskHandlers(parts),
    ...queueHandlers(parts),
    ...workerHandlers(parts),
    ...scheduleHandlers(parts),
    ...serviceHandlers(parts),
  };
}
