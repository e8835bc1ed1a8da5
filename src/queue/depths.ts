import { queueNames } from "../task/definition.ts";
import type { Broker, Shard } from "./broker.ts";
import { depthStates } from "./depth-script.ts";

export type DepthState = (typeof depthStates)[number];

/** How many jobs of a queue are in a state, and how long. */
export interface Depth {
  state: DepthState;
  jobs: number;
  /**
   * Milliseconds: how long the oldest has waited for a worker, has been due (`scheduled`), has run (`active`), or has stood
   * still since it was last taken (`waiting-children`); null when there is none, or it is not known.
   */
  oldestAge: number | null;
}

export interface QueueDepths {
  queue: string;
  /** Whether the whole queue is paused: no worker takes its jobs. */
  paused: boolean;
  depths: Depth[];
}

/** All queues in one round trip, at the same cost however many jobs there are. */
export function readDepths({ shards }: Pick<Broker, "shards">): Promise<QueueDepths[]> {
  return Promise.all(
    queueNames.map(async (queue) => {
      const parts = await Promise.all(shards.map((shard) => readPartDepths(shard, queue)));
      const [first, ...others] = parts;
      return others.reduce(added, first as QueueDepths);
    }),
  );
}

/** What a shard has of a queue. */
export async function readPartDepths({ redis, keys }: Shard, queue: string): Promise<QueueDepths> {
  const answer = await redis.lovageDepth(keys.of(queue, ""));
  const depths = depthStates.map((state, index) => {
    const [jobs = 0, age = -1] = answer.slice(2 * index, 2 * index + 2);
    return { state, jobs, oldestAge: age < 0 ? null : age };
  });
  return { queue, paused: answer[2 * depthStates.length] === 1, depths };
}

function added(one: QueueDepths, other: QueueDepths): QueueDepths {
  const depths = one.depths.map(({ state, jobs, oldestAge }) => {
    const more = depthOf(other, state);
    const ages = [oldestAge, more.oldestAge].filter((age) => age !== null);
    return { state, jobs: jobs + more.jobs, oldestAge: ages.length === 0 ? null : Math.max(...ages) };
  });
  return { queue: one.queue, paused: one.paused || other.paused, depths };
}

export function depthOf({ depths }: QueueDepths, state: DepthState): Depth {
  return depths.find((depth) => depth.state === state) ?? { state, jobs: 0, oldestAge: null };
}
