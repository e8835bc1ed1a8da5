import { type LovageError, toLovageError } from "../core/errors.ts";
import type { DeadLetterFilter } from "../queue/dead-letters.ts";
import type { ReplayOptions } from "../queue/replay.ts";
import type { JobSnapshot } from "../queue/snapshot.ts";
import type { Backend, PlacedJob } from "./backend.ts";
import { createHandle, type JobHandle } from "./handle.ts";

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

/** What a replay was asked for; an input of undefined is one, where the field is there. */
export interface AskedReplay {
  input?: unknown;
  options?: ReplayOptions;
  again?: boolean;
}

/** Dead letters as a backend has them. */
export interface DeadLetterAccess extends Pick<DeadLetters, "list" | "get" | "discard"> {
  replay(id: string, queue: string | undefined, asked: AskedReplay): Promise<PlacedJob>;
  /** Replays one whose snapshot was read just now. */
  replayRead(dead: JobSnapshot, asked: AskedReplay): Promise<PlacedJob>;
  /** All that fit, the newest first. */
  walk(filter: DeadLetterFilter): AsyncGenerator<JobSnapshot, void, undefined>;
}

/** How many jobs are replayed at once. */
const atOnce = 50;

export function createDeadLetters(backend: () => Promise<Backend>): DeadLetters {
  const access = async () => (await backend()).deadLetters;

  return {
    list: async (options) => (await access()).list(options),
    get: async (id, options) => (await access()).get(id, options),
    async replay(id, { queue, ...asked } = {}) {
      const { deadLetters, jobs } = await backend();
      return createHandle(jobs, await deadLetters.replay(id, queue, asked));
    },
    async replayMany(filter, { input, onProgress, dryRun = false, again = false, options } = {}) {
      const { replayRead, walk } = await access();
      const counts: ReplayCounts = { matched: 0, replayed: 0, skipped: 0, failed: [] };
      const one = async (job: JobSnapshot) => {
        try {
          const edited = input && { input: input(job.input, job) };
          if (!dryRun) await replayRead(job, { again, ...edited, ...(options && { options }) });
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
      for await (const job of walk({ ...filter, until: filter.until ?? new Date() })) {
        counts.matched += 1;
        if (job.replayedBy !== undefined && !again) counts.skipped += 1;
        else some.push(job);
        if (some.length === atOnce) await replaySome();
      }
      await replaySome();
      return counts;
    },
    discard: async (id, options) => (await access()).discard(id, options),
  };
}
