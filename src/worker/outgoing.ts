import type { PreparedJob } from "../queue/producer.ts";
import type { CallMeta } from "../task/codec.ts";
import type { EnqueueGate } from "../task/enqueue-hooks.ts";

/** A trace goes on in the jobs that a job makes. */
export function inheritHeaders(jobs: readonly PreparedJob[], headers: CallMeta["headers"]): void {
  if (headers !== undefined) for (const job of jobs) job.data.meta.headers = headers;
}

/** Sends what a running job makes: with its headers, and past the hooks. */
export async function sendOutgoing(
  jobs: readonly PreparedJob[],
  {
    headers,
    gate,
    add,
  }: { headers: CallMeta["headers"]; gate: EnqueueGate | undefined; add(): Promise<void> },
): Promise<void> {
  inheritHeaders(jobs, headers);
  await gate?.before(jobs);
  await add();
  await gate?.after(
    jobs,
    jobs.map(({ opts, queue }) => ({ id: opts.jobId, queue })),
  );
}
