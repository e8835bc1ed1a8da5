import { LovageError, toLovageError } from "../core/errors.ts";
import { findQueue } from "../queue/broker.ts";
import { type DeadLetterFilter, walkDeadLetters } from "../queue/dead-letters.ts";
import type { JobPlace } from "../queue/idempotency.ts";
import { forgetJob } from "../queue/removal.ts";
import {
  claimReplay,
  noteReplayed,
  prepareReplay,
  queueOfReplay,
  type ReplayOptions,
  readDeadCall,
  readDeadLetter,
} from "../queue/replay.ts";
import type { JobSnapshot } from "../queue/snapshot.ts";
import { type ClientParts, type Connection, handleOf } from "./connection.ts";
import { checkInput } from "./directory.ts";
import { checkContinuations } from "./enqueuing.ts";
import type { JobHandle } from "./handle.ts";

/** One page of the dead letters. */
export interface DeadLetterPage {
  jobs: JobSnapshot[];
  /** Where the next page goes on; undefined on the last. */
  cursor: string | undefined;
}

/** What became of the dead letters that a filter picked. */
export interface ReplayCounts {
  /** How many fitted so far. */
  matched: number;
  replayed: number;
  /** Replayed already, before. */
  skipped: number;
  failed: { id: string; queue: string; error: LovageError }[];
}

/** Jobs that failed for good. They stay for as long as FAILURE_AGE and FAILURE_COUNT say. */
export interface DeadLetters {
  /**
   * The newest first. Jobs that were cancelled or expired only where `states` asks for them.
   * @param options.limit how many at most; default 50, up to 1000
   * @throws LovageError `INPUT_INVALID`
   */
  list(options?: DeadLetterFilter & { limit?: number; cursor?: string }): Promise<DeadLetterPage>;
  /** @throws LovageError `JOB_NOT_FOUND`, `JOB_AMBIGUOUS`, `JOB_NOT_ENDED`, `JOB_NOT_DEAD` */
  get(id: string, options?: { queue?: string }): Promise<JobSnapshot>;
  /**
   * Makes a new job of a dead one, with its tags, metadata and limits, and with its input or another one. The new job's
   * `replayOf` and the dead one's `replayedBy` name each other. Called once more it gives the same job, unless `again`.
   * @throws LovageError what `get` and `enqueue` throw; `IDEMPOTENCY_CONFLICT` when it was replayed with another input;
   * `PAYLOAD_INVALID` when what lies there is no call and no input is given
   */
  replay(
    id: string,
    options?: { queue?: string; input?: unknown; options?: ReplayOptions; again?: boolean },
  ): Promise<JobHandle>;
  /**
   * Replays all that fit; jobs that end later are not among them. One that cannot be replayed stops none of the others.
   * @param options.input makes the new input of the old
   * @param options.again also those that were replayed already
   * @param options.dryRun only counts
   * @param options.onProgress told the counts after every 50 jobs, and at the end
   */
  replayMany(
    filter: DeadLetterFilter,
    options?: {
      input?: (old: unknown, job: JobSnapshot) => unknown;
      options?: ReplayOptions;
      again?: boolean;
      dryRun?: boolean;
      onProgress?: (counts: ReplayCounts) => void;
    },
  ): Promise<ReplayCounts>;
  /** Removes a dead letter with its log. @throws LovageError what `get` throws */
  discard(id: string, options?: { queue?: string }): Promise<void>;
}

/** How many jobs are replayed at once. */
const atOnce = 50;

const mostInPage = 1000;

export function createDeadLetters({ bounded, parts }: Connection): DeadLetters {
  async function replay(
    ready: ClientParts,
    dead: JobPlace & { task: string },
    { again = false, options = {}, ...asked }: { input?: unknown; options?: ReplayOptions; again?: boolean },
  ): Promise<JobHandle> {
    const { broker, directory, inTime, sender, timeout } = ready;
    const until = Date.now() + timeout;
    const entry = await inTime(directory.get(dead.task));
    await checkContinuations(ready, options);
    const found = await inTime(readDeadCall(broker, dead, "input" in asked));
    const input = checkInput(entry, "input" in asked ? asked.input : found.call.input);
    const queue = queueOfReplay(dead, entry, options);
    // Refuses bad options before anything is claimed.
    const draft = (place: JobPlace) =>
      prepareReplay(found, entry, { input, options, place, replayOf: dead.id });
    draft({ id: dead.id, queue });
    const claim = await inTime(claimReplay(broker, dead, { input, queue, again }));
    if (!claim.made) {
      await sender.send([draft(claim)], Math.max(0, until - Date.now()));
      await inTime(noteReplayed(broker, dead, claim.record));
    }
    return handleOf(ready, { id: claim.id, queue: claim.queue, task: dead.task });
  }

  async function find(ready: ClientParts, id: string, given: string | undefined): Promise<JobSnapshot> {
    const queue = given ?? (await findQueue(ready.broker, id));
    return readDeadLetter(ready.broker, { queue, id });
  }

  return {
    list: ({ limit = 50, cursor, ...filter } = {}) =>
      bounded(async ({ broker }) => {
        if (!Number.isInteger(limit) || limit < 1 || limit > mostInPage) {
          throw new LovageError("INPUT_INVALID", `limit is ${limit}`, {
            field: "limit",
            value: limit,
            hint: `use a whole number from 1 to ${mostInPage}`,
          });
        }
        const jobs: JobSnapshot[] = [];
        let last: string | undefined;
        for await (const found of walkDeadLetters(broker, filter, cursor)) {
          if (jobs.length === limit) return { jobs, cursor: last };
          jobs.push(found.snapshot);
          last = found.cursor;
        }
        return { jobs, cursor: undefined };
      }),
    get: (id, { queue } = {}) => bounded((ready) => find(ready, id, queue)),
    async replay(id, { queue, ...asked } = {}) {
      const ready = await parts();
      return replay(ready, await ready.inTime(find(ready, id, queue)), asked);
    },
    async replayMany(filter, { input, onProgress, dryRun = false, again = false, options } = {}) {
      const ready = await parts();
      const counts: ReplayCounts = { matched: 0, replayed: 0, skipped: 0, failed: [] };
      const one = async (job: JobSnapshot) => {
        try {
          const edited = input && { input: input(job.input, job) };
          if (!dryRun) await replay(ready, job, { again, ...edited, ...(options && { options }) });
          counts.replayed += 1;
        } catch (error) {
          counts.failed.push({ id: job.id, queue: job.queue, error: toLovageError(error) });
        }
      };
      let some: JobSnapshot[] = [];
      const replaySome = async () => {
        await Promise.all(some.map(one));
        some = [];
        onProgress?.(counts);
      };
      // What fails again meanwhile is left for another time.
      const walk = walkDeadLetters(ready.broker, { ...filter, until: filter.until ?? new Date() });
      for (;;) {
        const next = await ready.inTime(walk.next());
        if (next.done === true) break;
        const { snapshot } = next.value;
        counts.matched += 1;
        if (snapshot.replayedBy !== undefined && !again) counts.skipped += 1;
        else some.push(snapshot);
        if (some.length === atOnce) await replaySome();
      }
      await replaySome();
      return counts;
    },
    discard: (id, { queue } = {}) =>
      bounded(async (ready) => {
        const dead = await find(ready, id, queue);
        await forgetJob(ready.broker, dead);
      }),
  };
}
