import { describeError } from "../core/errors.ts";
import { isTerminal, type RayClient, RayError, type RayJobStatus } from "../ray-client-http/index.ts";
import type { TaskLogger } from "../task/context.ts";
import type { RayStops } from "./host.ts";

/** How often the Ray jobs that must stop are told so again, in milliseconds. */
const interval = 3000;

/** A service of the worker's; see process/service.ts. */
export interface Reaper {
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface ReaperOptions {
  client: RayClient;
  stops: RayStops;
  logger: TaskLogger;
}

/**
 * Repeats the stop of Ray jobs whose jobs are over, until they are terminal. Every worker has one; a stop does no harm
 * twice, so they need not agree.
 */
export function createReaper({ client, stops, logger }: ReaperOptions): Reaper {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();

  async function reap(): Promise<void> {
    for (const submissionId of await stops.list()) {
      const status = await stopOnce(client, submissionId);
      if (status !== undefined && !isTerminal(status)) continue;
      await stops.remove(submissionId);
      logger.info({ submissionId, status }, "the Ray job is stopped");
    }
  }

  return {
    async start() {
      let busy = false;
      timer = setInterval(() => {
        if (busy) return;
        busy = true;
        running = reap()
          .catch((error) =>
            logger.debug({ reason: describeError(error) }, "Ray jobs could not be stopped yet"),
          )
          .finally(() => {
            busy = false;
          });
      }, interval);
    },
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}

/** Tells a Ray job to stop unless it has ended; its status before, or undefined when the cluster does not know it. */
export async function stopOnce(client: RayClient, submissionId: string): Promise<RayJobStatus | undefined> {
  try {
    const { status } = await client.get(submissionId);
    if (!isTerminal(status)) await client.stop(submissionId);
    return status;
  } catch (error) {
    if (error instanceof RayError && error.code === "RAY_NOT_FOUND") return undefined;
    throw error;
  }
}
