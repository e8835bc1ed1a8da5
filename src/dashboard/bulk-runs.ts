import { randomUUID } from "node:crypto";
import { describeError } from "../core/errors.ts";
import type { JobQuery } from "../queue/found-job.ts";
import type { JobFields } from "./job-query.ts";
import { actOnAll, type JobActionKind } from "./pages/job-actions.ts";
import type { DashboardParts } from "./parts.ts";

/** Something that is done with all jobs that fit, while people look at other pages. */
export interface BulkRun {
  readonly id: string;
  readonly kind: JobActionKind;
  readonly fields: JobFields;
  readonly by: string;
  readonly startedAt: Date;
  endedAt: Date | undefined;
  looked: number;
  total: number;
  count: number;
  failed: number;
  /** The first of them. */
  faults: string[];
  /** Set by who stops it. */
  stopped: boolean;
}

/** They live in this process: one that ends stops them, and what they have done stays done. */
export interface BulkRuns {
  start(
    run: Pick<BulkRun, "kind" | "fields" | "by">,
    query: JobQuery,
    onEnd: (run: BulkRun) => void,
  ): BulkRun;
  get(id: string): BulkRun | undefined;
}

/** So many are remembered. */
const most = 50;
const mostFaults = 20;

export function createBulkRuns({ client, logger }: Pick<DashboardParts, "client" | "logger">): BulkRuns {
  const runs = new Map<string, BulkRun>();

  async function work(run: BulkRun, query: JobQuery): Promise<void> {
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof client.search>> = await client.search(query, {
        limit: 200,
        ...(cursor !== null && { cursor }),
      });
      const { count, faults } = await actOnAll(client, run.kind, page.jobs, run.by);
      run.count += count;
      run.failed += faults.length;
      run.faults.push(...faults.slice(0, Math.max(0, mostFaults - run.faults.length)));
      run.looked = page.looked;
      run.total = page.total;
      cursor = page.cursor;
    } while (cursor !== null && !run.stopped);
  }

  return {
    start(given, query, onEnd) {
      const run: BulkRun = {
        ...given,
        id: randomUUID(),
        startedAt: new Date(),
        endedAt: undefined,
        looked: 0,
        total: 0,
        count: 0,
        failed: 0,
        faults: [],
        stopped: false,
      };
      runs.set(run.id, run);
      const [oldest] = runs.keys();
      if (runs.size > most && oldest !== undefined) runs.delete(oldest);
      void work(run, query)
        .catch((error) => {
          logger.error({ err: error, run: run.id }, "what was to be done with all jobs that match broke off");
          run.faults.unshift(`it broke off: ${describeError(error)}`);
          run.stopped = true;
        })
        .finally(() => {
          run.endedAt = new Date();
          onEnd(run);
        });
      return run;
    },
    get: (id) => runs.get(id),
  };
}
