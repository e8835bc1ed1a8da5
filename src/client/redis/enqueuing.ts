import { prepareJob } from "../../queue/producer.ts";
import type { PlacedJob } from "../backend.ts";
import { checkContinuations, checkInput, checkRayCluster, type PlainCall } from "../calls.ts";
import type { TaskEntry } from "../directory.ts";
import type { ClientParts } from "./connection.ts";

/** Checks all calls, then sends them; the jobs come in order. */
export async function enqueueAll(parts: ClientParts, calls: readonly PlainCall[]): Promise<PlacedJob[]> {
  let until = Date.now() + parts.timeout;
  const jobs = [];
  const entries = new Map<string, TaskEntry>();
  for (const { task, input, options } of calls) {
    const entry = entries.get(task) ?? (await parts.inTime(parts.directory.get(task)));
    entries.set(task, entry);
    const job = prepareJob(entry, checkInput(entry, input), options);
    if (options?.rayCluster !== undefined)
      await parts.inTime(checkRayCluster(parts.directory, task, options));
    if (options?.onSuccess !== undefined || options?.onFailure !== undefined)
      await parts.inTime(checkContinuations(parts.directory, options));
    jobs.push(job);
  }
  if (jobs.length === 0) return [];
  if (parts.gate !== undefined) {
    const asked = Date.now();
    await parts.gate.before(jobs);
    // The time that hooks take is not Redis'.
    until += Date.now() - asked;
  }
  const places = await parts.sender.send(jobs, Math.max(0, until - Date.now()));
  const placed = jobs.map(({ name: task, opts, queue }, index) => ({
    id: opts.jobId,
    queue,
    ...places[index],
    task,
  }));
  await parts.gate?.after(jobs, placed);
  return placed;
}
