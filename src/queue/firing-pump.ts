import { Job } from "bullmq";
import { LovageError } from "../core/errors.ts";
import type { EnqueueGate } from "../task/enqueue-hooks.ts";
import type { Broker } from "./broker.ts";
import { cancelJob } from "./cancellation.ts";
import { isDemotion } from "./demotion.ts";
import { type Firing, prepareScheduled, readFiring } from "./firing.ts";
import type { JobPlace } from "./idempotency.ts";
import type { PreparedJob } from "./producer.ts";
import { createQueues } from "./queues.ts";
import { withScripts } from "./scripts.ts";

/** How many jobs are added in one transaction. */
const atOnce = 50;

interface Claimed {
  id: string;
  /** Undefined where what is there is none. */
  firing: Firing | undefined;
}

interface Prepared {
  id: string;
  firing: Firing;
  job: PreparedJob;
}

/** Adds the jobs of claimed firings. */
export interface FiringPump {
  /**
   * Adds the job of each firing that was claimed and has none yet, by whomever.
   * @param onRefused told of a firing that can never become a job; it is dropped
   */
  pump(onRefused: (firing: Firing | undefined, id: string, error: unknown) => void): Promise<void>;
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
  const queues = createQueues(redis, keys, () => {});
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

  /** Does what comes before the job is there; may be done twice. @throws LovageError what no further try can mend */
  async function prepare({ id, firing }: Claimed): Promise<Prepared> {
    if (firing === undefined) throw new LovageError("PAYLOAD_INVALID", "what lies there is no firing");
    const job = prepareScheduled(firing);
    await gate?.before([job]).catch((cause: unknown) => {
      throw new LovageError("FORBIDDEN", "a hook refuses the call", { cause });
    });
    if (firing.cancels !== undefined) await cancelEarlier(broker, firing.cancels);
    return { id, firing, job };
  }

  /** Adds the jobs of those that are still there. @returns undefined when others worked on the firings meanwhile */
  async function add(prepared: readonly Prepared[]): Promise<Prepared[] | undefined> {
    const before = connections;
    // Sent together, and done in this order.
    const watched = redis.watch(keys.scheduleFirings);
    const ids = prepared.map(({ id }) => id);
    const [found] = await Promise.all([redis.hmget(keys.scheduleFirings, ...ids), watched]);
    const there = prepared.filter((_one, index) => found[index] !== null);
    if (there.length === 0) {
      await redis.unwatch();
      return [];
    }
    const multi = (await queues.ofShard(0, there[0]?.job.queue ?? "").backend.client).multi();
    for (const { id, firing, job } of there) {
      await new Job(queues.ofShard(0, job.queue), job.name, job.data, job.opts, id).addJob(multi);
      const places = [keys.job(job.queue, id), keys.scheduleFirings, keys.schedule(firing.name)];
      const last = JSON.stringify({ at: firing.at, firedAt: firing.firedAt, id, queue: job.queue });
      multi.runCommand("lovageFiringDone", [...places, id, last, firing.lateness]);
    }
    if (before !== connections) return undefined;
    const answers = await multi.exec();
    if (answers === null) return undefined;
    for (const [error] of answers) {
      if (error === null) continue;
      // The next try must find the master that is now.
      if (isDemotion(error)) redis.disconnect(true);
      throw error;
    }
    return there;
  }

  async function addAll(prepared: readonly Prepared[]): Promise<Prepared[]> {
    try {
      return (await add(prepared)) ?? [];
    } catch (error) {
      if (prepared.length === 1) throw error;
      // One that Redis or BullMQ refuses must not keep the others: each by itself, one after another on one connection.
      const failures: unknown[] = [];
      for (const one of prepared) await add([one]).catch((reason: unknown) => failures.push(reason));
      throw failures[0] ?? error;
    }
  }

  /** The first firings that are claimed and have no job, in the order of their times: a schedule's last is added last. */
  async function claimed(): Promise<Claimed[]> {
    const found = Object.entries(await redis.hgetall(keys.scheduleFirings));
    const firings = found.map(([id, text]) => ({ id, firing: readFiring(text) }));
    return firings.sort((a, b) => (a.firing?.at ?? 0) - (b.firing?.at ?? 0)).slice(0, atOnce);
  }

  return {
    async pump(onRefused) {
      await connected();
      for (;;) {
        const some = await claimed();
        if (some.length === 0) return;
        const prepared: Prepared[] = [];
        for (const one of some) {
          try {
            prepared.push(await prepare(one));
          } catch (error) {
            if (!isRefusal(error)) throw error;
            await redis.hdel(keys.scheduleFirings, one.id);
            onRefused(one.firing, one.id, error);
          }
        }
        const added = prepared.length === 0 ? [] : await addAll(prepared);
        for (const { id, job } of added) await gate?.after([job], [{ id, queue: job.queue }]);
      }
    },
    async close() {
      await queues.close();
      redis.disconnect();
    },
  };
}

/** What no further try can mend: the call itself is at fault, and not Redis. */
function isRefusal(error: unknown): boolean {
  return error instanceof LovageError && !/^REDIS_(UNAVAILABLE|FORBIDDEN|FULL)$/.test(error.code);
}

async function cancelEarlier(broker: Broker, job: JobPlace): Promise<void> {
  try {
    await cancelJob(broker, job, "its schedule's next time has come");
  } catch (error) {
    // It has ended and was removed meanwhile.
    if (!(error instanceof LovageError && error.code === "JOB_NOT_FOUND")) throw error;
  }
}
