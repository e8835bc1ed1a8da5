import type { Broker } from "./broker.ts";
import type { JobPlace } from "./idempotency.ts";
import { jobFields } from "./keys.ts";
import { askOfEach } from "./scattered.ts";

/** Whether each of the jobs is gone, has ended, or was told to. */
export async function areOver(broker: Broker, jobs: readonly JobPlace[]): Promise<boolean[]> {
  const answers = await askOfEach(broker, jobs, (pipeline, key) =>
    pipeline.hmget(key, "name", "finishedOn", jobFields.cancel),
  );
  return answers.map(([error, answer]) => {
    if (error !== null) return false;
    const [name, finishedOn, cancel] = answer as (string | null)[];
    return name === null || finishedOn !== null || cancel !== null;
  });
}
