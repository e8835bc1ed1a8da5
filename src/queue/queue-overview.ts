import type { QueueHealth } from "../task/context.ts";
import { queueNames } from "../task/definition.ts";
import type { Broker } from "./broker.ts";
import { readQueueHealth } from "./inspector.ts";

/** A queue as operators look at it. */
export interface QueueOverview extends QueueHealth {
  waitingChildren: number;
  /** Whether the whole queue is paused: no worker takes its jobs. */
  paused: boolean;
}

export function readQueues(broker: Broker): Promise<QueueOverview[]> {
  return Promise.all(
    queueNames.map(async (name) => {
      const [health, children, paused] = await Promise.all([
        readQueueHealth(broker, name),
        Promise.all(broker.shards.map((shard) => shard.queue(name).getWaitingChildrenCount())),
        Promise.all(broker.shards.map((shard) => shard.queue(name).isPaused())),
      ]);
      const waitingChildren = children.reduce((all, count) => all + count, 0);
      return { ...health, waitingChildren, paused: paused.includes(true) };
    }),
  );
}
