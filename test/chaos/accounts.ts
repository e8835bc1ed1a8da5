import type { Client } from "#client";
import { LovageError } from "../../src/core/errors.ts";
import { isEnded, type JobState } from "../../src/core/states.ts";
import type { JobSnapshot } from "../../src/queue/snapshot.ts";
import { type Books, noBooks } from "./books.ts";
import type { Fault } from "./fault.ts";
import type { Ledger } from "./ledger.ts";
import type { LedgerTasks } from "./ledger-catalogue.ts";
import type { Kind, PlannedCall } from "./load.ts";
import type { ChaosWorker } from "./worker.ts";

/** The books of a round, and what stands behind them. */
export interface Accounts extends Books {
  notes: Record<string, number | string>;
  /** Acknowledged calls whose job is not there; they count as lost. */
  gone: readonly PlannedCall[];
}

/** What `appendfsync everysec` may lose: Redis begins a sync each second, and puts writes off while a slow one takes as long again. */
const lastMoments = 2000;

/**
 * The books of a round in which Redis died at these moments, in milliseconds since 1970: what had been acknowledged just before
 * does not count as lost, but is told.
 */
export function allowLastMoments({ gone, ...books }: Accounts, deaths: readonly number[]): Books {
  const late = ({ at }: PlannedCall) => deaths.some((death) => at > death - lastMoments && at < death + 500);
  const lostOfLastSecond = gone.filter(late).length;
  return { ...books, lost: books.lost - lostOfLastSecond, notes: { ...books.notes, lostOfLastSecond } };
}

/** How a call may end; an end that its kind does not have is a promise broken. */
const ends: Record<Kind, readonly JobState[]> = {
  plain: ["completed"],
  deaf: ["completed"],
  retried: ["completed"],
  delayed: ["completed"],
  blocking: ["completed"],
  failing: ["failed"],
  cancelled: ["cancelled", "completed"],
  expiring: ["expired", "completed"],
};

const atOnce = 500;

/** Holds what Redis says of each call against what the ledger says. */
export async function balance(world: {
  client: Client<LedgerTasks>;
  ledger: Ledger;
  calls: readonly PlannedCall[];
  workers: readonly ChaosWorker[];
  promise: Fault["promise"];
}): Promise<Accounts> {
  const { client, ledger, calls, workers, promise } = world;
  const books = { ...noBooks };
  const gone: PlannedCall[] = [];
  const wrong: string[] = [];

  async function look(call: PlannedCall): Promise<void> {
    const job = await find(client, call.id);
    if (job === undefined) {
      if (call.answer === "acknowledged") gone.push(call);
      return;
    }
    books.enqueued += 1;
    const { state } = job;
    if (state === "completed" || state === "failed" || state === "cancelled" || state === "expired")
      books[state] += 1;
    const page = ledger.page(call.id);
    if (!isEnded(state) || !ends[call.kind].includes(state)) {
      books.lost += 1;
      wrong.push(
        `${call.id} (${call.kind}) is ${[state, job.error?.message, job.error?.cause].filter(Boolean).join(": ")}`,
      );
    } else if (state === "completed" && (page?.made ?? 0) === 0) {
      books.lost += 1;
      wrong.push(`${call.id} (${call.kind}) completed without an effect`);
    }
    if (promise === "at least once") return;
    // What a run returned after another had begun must not have become the result.
    const late = state === "completed" && (job.output as { run: string }).run !== page?.run;
    if (late) wrong.push(`${call.id} has the result of a run that was over`);
    if (page !== undefined && page.sameFence > 0) wrong.push(`two runs of ${call.id} had one fence`);
    books.doubled += (page?.sameFence ?? 0) + (late ? 1 : 0);
  }

  for (let from = 0; from < calls.length; from += atOnce)
    await Promise.all(calls.slice(from, from + atOnce).map(look));
  books.lost += gone.length;
  // A worker that does not end in good order when it is told to has lost something, too.
  const unruly = workers.filter(({ process: { exitCode } }) => exitCode !== 0);
  const pages = [...ledger.pages()];
  const sum = (of: (page: (typeof pages)[number]) => number) =>
    pages.reduce((total, page) => total + of(page), 0);
  return {
    ...books,
    gone,
    notes: {
      runs: sum(({ begun }) => begun),
      refusedByFence: sum(({ stale }) => stale),
      foundMade: sum(({ foundMade }) => foundMade),
      ...(unruly.length > 0 && { workersThatDidNotStopWell: unruly.length }),
      ...(wrong.length > 0 && { wrong: wrong.slice(0, 5).join("; ") }),
    },
  };
}

async function find(client: Client<LedgerTasks>, id: string): Promise<JobSnapshot | undefined> {
  try {
    const job = await client.get(id, { queue: "default" });
    return await job.snapshot();
  } catch (error) {
    if (error instanceof LovageError && error.code === "JOB_NOT_FOUND") return undefined;
    throw error;
  }
}
