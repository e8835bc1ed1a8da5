import type { Broker } from "./broker.ts";

type Pipeline = ReturnType<Broker["redis"]["pipeline"]>;

/**
 * Asks something of each of many jobs, in a pipeline for each of their shards: in a cluster one goes to one node.
 * @param ask adds one command to the pipeline
 * @returns the answers, in the order of the jobs
 */
export async function askOfEach<Job extends { queue: string; id: string }>(
  { redis, keys }: Pick<Broker, "redis" | "keys">,
  jobs: readonly Job[],
  ask: (pipeline: Pipeline, key: string) => unknown,
): Promise<[error: Error | null, answer: unknown][]> {
  const answers: [Error | null, unknown][] = new Array(jobs.length);
  const shards = new Map<number, { pipeline: Pipeline; places: number[] }>();
  for (const [place, { queue, id }] of jobs.entries()) {
    const shard = keys.shardOf(id);
    const of = shards.get(shard) ?? { pipeline: redis.pipeline(), places: [] };
    shards.set(shard, of);
    of.places.push(place);
    ask(of.pipeline, keys.job(queue, id));
  }
  await Promise.all(
    [...shards.values()].map(async ({ pipeline, places }) => {
      const found = (await pipeline.exec()) ?? [];
      for (const [index, place] of places.entries()) answers[place] = found[index] ?? [null, undefined];
    }),
  );
  return answers;
}
