import { Job } from "bullmq";
import { LovageError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import type { EnqueueGate } from "../task/enqueue-hooks.ts";
import type { Broker } from "./broker.ts";
import { cancelJob } from "./cancellation.ts";
import { type Firing, prepareScheduled } from "./firing.ts";
import type { JobPlace } from "./idempotency.ts";
import { createQueues } from "./queues.ts";
import { withScripts } from "./scripts.ts";

/** Adds the jobs of claimed firings. */
export interface FiringPump {
  /**
   * Adds the job of each firing that was claimed and has none yet, by whomever.
   * @param onRefused told of a firing that can never become a job; it is dropped
   */
  pump(onRefused: (firing: Firing | undefined, id: string, error: unknown) => void): Promise<Firing[]>;
  close(): Promise<void>;
}

/**
 * A firing and its job change in one transaction, which Redis refuses when somebody else worked on the firings since
 * they were read: a scheduler that slept after its claim, while another added the job, it ran and was removed, adds
 * nothing when it wakes up. The connection is its own (what is watched is a connection's), and sends nothing twice.
 * @param gate what hooks do to each call
 */
export function createFiringPump(broker: Broker, gate?: EnqueueGate): FiringPump {
  const { keys } = broker;
  const redis = withScripts(broker.duplicate({ maxRetriesPerRequest: 0, enableOfflineQueue: false }));
  const queues = createQueues(redis, keys.prefix, () => {});
  /** What was watched on a connection is forgotten with it. */
  let connections = 0;
  redis.on("ready", () => {
    connections += 1;
  });

  async function connected(): Promise<void> {
    if (redis.status === "wait" || redis.status === "end") await redis.connect();
    if (redis.status !== "ready")
      throw new LovageError("REDIS_UNAVAILABLE", "there is no connection for firings");
  }

  /** @returns false when others worked on the firings meanwhile */
  async function add(id: string, firing: Firing): Promise<boolean> {
    const job = prepareScheduled(firing);
    await gate?.before([job]).catch((cause: unknown) => {
      throw new LovageError("FORBIDDEN", "a hook refuses the call", { cause });
    });
    if (firing.cancels !== undefined) await cancelEarlier(broker, firing.cancels);
    const before = connections;
    await redis.watch(keys.scheduleFirings);
    if ((await redis.hexists(keys.scheduleFirings, id)) === 0) {
      await redis.unwatch();
      return true;
    }
    const queue = queues.queue(job.queue);
    const multi = (await queue.backend.client).multi();
    await new Job(queue, job.name, job.data, job.opts, job.opts.jobId).addJob(multi);
    const { at, firedAt, lateness, name } = firing;
    const places = [keys.job(job.queue, id), keys.scheduleFirings, keys.schedule(name)];
    const last = JSON.stringify({ at, firedAt, id, queue: job.queue });
    multi.runCommand("lovageFiringDone", [...places, id, last, lateness]);
    if (before !== connections) return false;
    const answers = await multi.exec();
    if (answers === null) return false;
    for (const [error] of answers) if (error !== null) throw error;
    await gate?.after([job], [{ id, queue: job.queue }]);
    return true;
  }

  return {
    async pump(onRefused) {
      const added: Firing[] = [];
      await connected();
      for (;;) {
        const claimed = Object.entries(await redis.hgetall(keys.scheduleFirings));
        if (claimed.length === 0) return added;
        const firings = claimed.map(([id, text]) => ({ id, firing: parseJson(text) as Firing | undefined }));
        // In the order of their times: a schedule's last firing is the last one added.
        firings.sort((a, b) => (a.firing?.at ?? 0) - (b.firing?.at ?? 0));
        for (const { id, firing } of firings) {
          try {
            if (firing === undefined) throw new LovageError("PAYLOAD_INVALID", "a firing is no JSON");
            if (await add(id, firing)) added.push(firing);
          } catch (error) {
            if (!isRefusal(error)) throw error;
            await redis.hdel(keys.scheduleFirings, id);
            onRefused(firing, id, error);
          }
        }
      }
    },
    async close() {
      await queues.close();
      redis.disconnect();
    },
  };
}

/** What no further try can mend: the call itself is at fault. */
function isRefusal(error: unknown): boolean {
  return error instanceof LovageError && error.code !== "REDIS_UNAVAILABLE";
}

async function cancelEarlier(broker: Broker, job: JobPlace): Promise<void> {
  try {
    await cancelJob(broker, job, "its schedule's next time has come");
  } catch (error) {
    // It has ended and was removed meanwhile.
    if (!(error instanceof LovageError && error.code === "JOB_NOT_FOUND")) throw error;
  }
}
