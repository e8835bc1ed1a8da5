import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "ioredis";
import { LovageError } from "../core/errors.ts";
import type { Broker } from "./broker.ts";
import { unavailable, withDeadline } from "./connection.ts";
import { addDeduplicated } from "./deduplication.ts";
import { confirm, confirmationOf, requireConfirmation } from "./durability.ts";
import { type EnqueueScripts, withEnqueueScripts } from "./enqueue-scripts.ts";
import { claimKeys, type JobPlace, noteAdded } from "./idempotency.ts";
import { createPlainJobs, isPlain, type PlainJobs } from "./plain-jobs.ts";
import { addJob, type PreparedJob } from "./producer.ts";
import { createQueues, type Queues } from "./queues.ts";
import { keepTogether } from "./together.ts";

/** Sends jobs in a bounded time. What could not be sent by then is not sent later. */
export interface Sender {
  /**
   * @param within milliseconds
   * @returns for each job the place of the one that really exists: an idempotency or a deduplication key may have another
   * @throws LovageError `REDIS_UNAVAILABLE`, `IDEMPOTENCY_CONFLICT`, `NOT_DURABLE`
   */
  send(jobs: readonly PreparedJob[], within: number): Promise<JobPlace[]>;
  close(): Promise<void>;
}

/** How many jobs are on their way at once: a list of any length needs no more memory in Redis' output than that. */
const atOnce = 1000;

/** How often who waits for the connection looks whether the client was closed meanwhile, in milliseconds. */
const lookInterval = 100;

/** Milliseconds between two tries of what a lost connection did not carry. */
const retryPause = 20;

const unknownOutcome =
  "whether the job was made is not known: call again with the same `id` or `idempotencyKey`, and it is made once only";

export function createSender(broker: Broker): Sender {
  const lanes = { memory: createLane(broker), confirmed: createLane(broker) };

  async function sendOn(lane: Lane, jobs: readonly PreparedJob[], within: number): Promise<JobPlace[]> {
    const until = Date.now() + within;
    let sent = false;
    for (;;) {
      try {
        await lane.ready(until - Date.now());
        sent = true;
        const left = Math.max(1, until - Date.now());
        return await withDeadline(makeJobs(broker, lane, jobs, until), left, broker.address);
      } catch (error) {
        // Every job has its id by now, so sending it again makes no second one.
        if (isLostConnection(error) && Date.now() < until) {
          // A connection that is being closed refuses at once, and hears of its end only when others have their turn.
          await sleep(retryPause);
          continue;
        }
        throw toCoded(error, broker.address, sent);
      }
    }
  }

  return {
    async send(asked, within) {
      const jobs =
        broker.keys.shards.length === 1 ? asked : asked.map((job) => keepTogether(broker.keys, job));
      const lane = confirmationOf(jobs) === undefined ? lanes.memory : lanes.confirmed;
      // A connection that waits for a disk or a replica keeps all other calls on it waiting.
      return sendOn(lane, jobs, within);
    },
    async close() {
      await Promise.all([lanes.memory.close(), lanes.confirmed.close()]);
    },
  };
}

/** A connection that sends nothing twice and keeps nothing for later; opened at the first use. */
interface Lane {
  readonly redis: Redis & EnqueueScripts;
  readonly queues: Queues;
  /** Undefined where each job gets a trace of its own, which BullMQ makes. */
  readonly plain: PlainJobs | undefined;
  /** How many connections have ended so far. */
  readonly breaks: number;
  /** @throws LovageError `REDIS_UNAVAILABLE` when there is no connection in time */
  ready(within: number): Promise<void>;
  close(): Promise<void>;
}

function createLane(broker: Broker): Lane {
  const make = () =>
    withEnqueueScripts(broker.duplicate({ maxRetriesPerRequest: 0, enableOfflineQueue: false }));
  let redis: ReturnType<typeof make> | undefined;
  let queues: Queues | undefined;
  let plain: PlainJobs | undefined;
  const waiting = new Set<() => void>();
  let last: unknown;
  let breaks = 0;
  let closed = false;

  function open() {
    redis = make();
    redis.on("error", (error) => {
      last = error;
    });
    // Not when there is a new one: a Redis that is still loading answers questions before its connection is ready.
    redis.on("close", () => {
      breaks += 1;
    });
    redis.on("ready", () => {
      last = undefined;
      for (const go of waiting) go();
    });
    redis.connect().catch(() => {});
    return redis;
  }

  return {
    get redis() {
      return redis ?? open();
    },
    get queues() {
      queues ??= createQueues(redis ?? open(), broker.keys, () => {}, broker.telemetry);
      return queues;
    },
    get breaks() {
      return breaks;
    },
    get plain() {
      if (broker.telemetry !== undefined) return undefined;
      plain ??= createPlainJobs(redis ?? open(), broker.keys);
      return plain;
    },
    async ready(within) {
      const until = Date.now() + within;
      const connection = redis ?? open();
      while (connection.status !== "ready") {
        if (closed) throw unavailable(broker.address, "the client was closed");
        const left = until - Date.now();
        if (left <= 0) throw unavailable(broker.address, last ?? `no connection in ${within} ms`);
        const { promise, resolve } = Promise.withResolvers<void>();
        waiting.add(resolve);
        const timer = setTimeout(resolve, Math.min(lookInterval, left));
        await promise;
        clearTimeout(timer);
        waiting.delete(resolve);
      }
    },
    async close() {
      closed = true;
      await queues?.close();
      redis?.disconnect();
    },
  };
}

async function makeJobs(
  { keys, address }: Broker,
  lane: Lane,
  jobs: readonly PreparedJob[],
  until: number,
): Promise<JobPlace[]> {
  const { redis, queues, plain, breaks } = lane;
  const confirmation = confirmationOf(jobs);
  if (confirmation !== undefined) await requireConfirmation(redis, confirmation);
  const claims = await claimKeys(redis, keys, jobs);

  async function make(job: PreparedJob): Promise<JobPlace> {
    // The caller was told that it failed: an answer that comes late must not lead to a further step.
    if (Date.now() >= until) throw unavailable(address, "it answered too late");
    const claim = claims.get(job);
    if (claim?.made === true) {
      // Written again, so that the wait has something to wait for.
      if (confirmation !== undefined) await noteAdded(redis, keys, job, claim.id);
      return { id: claim.id, queue: claim.queue };
    }
    const claimed =
      claim === undefined
        ? job
        : keepTogether(keys, {
            ...job,
            queue: claim.queue,
            opts: { ...job.opts, jobId: claim.id },
            chosenId: true,
          });
    const add = () =>
      plain !== undefined && isPlain(claimed) ? plain.add(claimed) : addJob(queues, claimed);
    const id =
      claimed.opts.deduplication === undefined
        ? await add()
        : await addDeduplicated(redis, keys, claimed, add);
    if (claim !== undefined) await noteAdded(redis, keys, job, id);
    return { id, queue: claimed.queue };
  }

  const places: JobPlace[] = [];
  for (let from = 0; from < jobs.length; from += atOnce)
    places.push(...(await Promise.all(jobs.slice(from, from + atOnce).map(make))));
  if (confirmation !== undefined) {
    await confirm(redis, confirmation, places, until - Date.now());
    // Another Redis may have answered for it than the one that took the jobs: it died in between and came back.
    if (lane.breaks !== breaks) throw new Error("Connection is closed: all is sent once more");
  }
  return places;
}

/** How ioredis says it; the later ones of a cluster, none of whose nodes answers for the keys. */
const lost =
  /^(?:Connection is closed|Stream isn't writeable|Too many Cluster redirections|Cluster isn't ready|None of startup nodes|Failed to refresh slots)/;

/** The connection went away under a command, or just before it. */
function isLostConnection(error: unknown): boolean {
  return (
    error instanceof Error &&
    (error.name === "MaxRetriesPerRequestError" || error.name === "AbortError" || lost.test(error.message))
  );
}

function toCoded(error: unknown, address: string, sent: boolean): unknown {
  if (error instanceof LovageError && error.code !== "REDIS_UNAVAILABLE") return error;
  if (error instanceof Error && error.name === "ReplyError")
    return unavailable(
      address,
      error,
      "Redis refused the job: see what it says, such as OOM for a memory that is full",
    );
  if (!(error instanceof LovageError) && !isLostConnection(error)) return error;
  const cause = error instanceof LovageError ? error.cause : error;
  return sent ? unavailable(address, cause, unknownOutcome) : unavailable(address, cause);
}
