import { createHash } from "node:crypto";
import { Job } from "bullmq";
import { LovageError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import type { Broker } from "./broker.ts";
import { cancelJob } from "./cancellation.ts";
import type { JobPlace } from "./idempotency.ts";
import { type PreparedJob, prepareJob } from "./producer.ts";
import { createQueues } from "./queues.ts";
import { armedFor, firingsOf, type ScheduleRecord, type ScheduleSpec } from "./schedule-record.ts";
import { momentTexts } from "./schedules.ts";
import { withScripts } from "./scripts.ts";

/** A firing that was claimed and whose job is still to be added. */
export interface Firing {
  /** The schedule's. */
  name: string;
  /** The time it is for. */
  at: number;
  /** When it was claimed, and how many milliseconds late. */
  firedAt: number;
  lateness: number;
  spec: Pick<ScheduleSpec, "target" | "input" | "options">;
  /** The earlier job, which is cancelled first. */
  cancels?: JobPlace;
}

/** What is decided for a schedule that is due. */
export interface Decision {
  /** The time to fire for; null: none. */
  fire: number | null;
  /** The time that waits for the earlier job's end. */
  queue: number | null;
  /** How many times are passed over. */
  skipped: number;
  /** The last time that this settles. */
  settled: number;
  cancels?: JobPlace;
}

/**
 * The id of the job for a time: the same whoever fires, so that no second job is made while the first is there. Names
 * may be as long as an id may be.
 */
export function scheduledId(name: string, at: number): string {
  const time = new Date(at).toISOString().replaceAll(/[-:]|\.000/g, "");
  const id = `${name}~${time}`;
  if (id.length <= 128) return id;
  return `${createHash("sha256").update(name).digest("hex").slice(0, 40)}~${time}`;
}

/** The call that a schedule makes, as a job. @throws LovageError `INPUT_INVALID`, `DATA_TOO_LARGE` */
export function prepareScheduled({ name, at, spec }: Pick<Firing, "name" | "at" | "spec">): PreparedJob {
  const metadata = { ...spec.options.metadata, schedule: { name, at: new Date(at).toISOString() } };
  return prepareJob(spec.target, spec.input, { ...spec.options, metadata }, scheduledId(name, at));
}

/**
 * Moves a schedule on and notes what is to be done, in one step.
 * @returns whether it did: not when the schedule changed, or another scheduler acts
 */
export async function settle(
  { redis, keys }: Broker,
  term: number,
  record: ScheduleRecord,
  { fire, queue, skipped, settled, cancels }: Decision,
  now: number,
): Promise<boolean> {
  const { name, spec, next, due } = record;
  const used = firingsOf(record) + (fire === null && queue === null ? 0 : 1);
  const armed = armedFor(name, spec, used, settled);
  const answer = await redis.lovageScheduleFire(
    keys.schedulerLease,
    keys.schedules,
    keys.schedule(name),
    keys.scheduleFirings,
    keys.schedulesQueued,
    String(term),
    name,
    String(next ?? ""),
    ...momentTexts(armed),
    String(skipped),
    String(queue ?? ""),
    ...(fire === null ? ["", ""] : firingTexts(record, fire, now, cancels)),
    String(due ?? 0),
  );
  return answer === 1;
}

/** Fires for the time that waited. @returns whether it did */
export async function settleQueued(
  { redis, keys }: Broker,
  term: number,
  record: ScheduleRecord,
  at: number,
  now: number,
): Promise<boolean> {
  const answer = await redis.lovageScheduleFireQueued(
    keys.schedulerLease,
    keys.schedules,
    keys.schedule(record.name),
    keys.scheduleFirings,
    keys.schedulesQueued,
    String(term),
    record.name,
    String(at),
    ...firingTexts(record, at, now),
  );
  return answer === 1;
}

/** Arms a schedule whose next time is wrong. @returns whether it did */
export async function rearm(
  { redis, keys }: Broker,
  term: number,
  { name, next }: ScheduleRecord,
  armed: { next: number; due: number } | null,
): Promise<boolean> {
  const answer = await redis.lovageScheduleRearm(
    keys.schedulerLease,
    keys.schedules,
    keys.schedule(name),
    String(term),
    name,
    String(next ?? ""),
    ...momentTexts(armed),
  );
  return answer === 1;
}

/** How many milliseconds after the moment from which it was due a time is fired for. */
export function latenessOf({ next, due }: ScheduleRecord, at: number, now: number): number {
  return Math.max(0, now - (at === next ? (due ?? at) : at));
}

function firingTexts(
  record: ScheduleRecord,
  at: number,
  now: number,
  cancels?: JobPlace,
): [id: string, firing: string] {
  const { name, spec } = record;
  const { target, input, options } = spec;
  const lateness = latenessOf(record, at, now);
  const firing: Firing = { name, at, firedAt: now, lateness, spec: { target, input, options } };
  return [scheduledId(name, at), JSON.stringify(cancels === undefined ? firing : { ...firing, cancels })];
}

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
 */
export function createFiringPump(broker: Broker): FiringPump {
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
