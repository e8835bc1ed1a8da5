import { describeError } from "../core/errors.ts";
import { isTerminal, type RayClient } from "../ray-client-http/index.ts";
import type { TaskLogger } from "../task/context.ts";
import { readStopMark } from "../task/ray-stop-mark.ts";
import type { RayClients } from "./clusters.ts";
import type { RayStops } from "./host.ts";
import { isSilence } from "./patience.ts";
import { stopOnce } from "./stop.ts";

/** How often the Ray jobs that must stop are told so again, in milliseconds. */
const interval = 3000;

/** How long a Ray job that the cluster does not know is looked for: its submit may still be on its way. Milliseconds. */
const unknownFor = 120_000;

/** A service of the worker's; see process/service.ts. */
export interface Reaper {
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface ReaperOptions {
  clients: RayClients;
  stops: RayStops;
  logger: TaskLogger;
}

/**
 * Repeats the stop of Ray jobs whose jobs are over, until they are terminal. Every worker has one; a stop does no harm
 * twice, so they need not agree.
 */
export function createReaper({ clients, stops, logger }: ReaperOptions): Reaper {
  const stopping = new AbortController();
  const unknownSince = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();

  async function reap(): Promise<void> {
    const silent = new Set<string>();
    for (const mark of await stops.list()) {
      stopping.signal.throwIfAborted();
      const { cluster, submissionId } = readStopMark(mark);
      const client = Object.hasOwn(clients, cluster) ? clients[cluster] : undefined;
      // Of a cluster that this process does not know another may.
      if (client === undefined || silent.has(cluster)) continue;
      try {
        if (await isOver(client, submissionId)) await stops.remove(mark);
      } catch (error) {
        logger.debug(
          { submissionId, cluster, reason: describeError(error) },
          "a Ray job could not be stopped yet",
        );
        // One that Ray refuses must not keep the others from their stop; a silent cluster answers none.
        if (isSilence(error)) silent.add(cluster);
      }
    }
  }

  async function isOver(client: RayClient, submissionId: string): Promise<boolean> {
    const status = await stopOnce(client, submissionId, stopping.signal);
    if (status === undefined) {
      const since = unknownSince.get(submissionId) ?? Date.now();
      unknownSince.set(submissionId, since);
      if (Date.now() - since < unknownFor) return false;
    } else if (!isTerminal(status)) return false;
    unknownSince.delete(submissionId);
    logger.info({ submissionId, status }, "the Ray job is stopped");
    return true;
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
      stopping.abort();
      await running;
    },
  };
}
