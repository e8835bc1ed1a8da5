import type { Broker } from "./broker.ts";
import type { JobPlace } from "./idempotency.ts";
import { jobFields } from "./keys.ts";

/** Whether each of the jobs is gone, has ended, or was told to. */
export async function areOver({ redis, keys }: Broker, jobs: readonly JobPlace[]): Promise<boolean[]> {
  const pipeline = redis.pipeline();
  for (const { queue, id } of jobs)
    pipeline.hmget(keys.job(queue, id), "name", "finishedOn", jobFields.cancel);
  return ((await pipeline.exec()) ?? []).map(([error, answer]) => {
    if (error !== null) return false;
    const [name, finishedOn, cancel] = answer as (string | null)[];
    return name === null || finishedOn !== null || cancel !== null;
  });
}
