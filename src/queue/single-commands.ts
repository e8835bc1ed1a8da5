import type { Cluster, Command } from "ioredis";

/** The part of ioredis' pipeline in which it waits for its commands. */
interface Pipeline {
  readonly _queue: readonly Command[];
  readonly promise: Promise<unknown>;
  replyPending: number;
  exec(): Promise<unknown>;
}

/**
 * Has the commands of a cluster's pipelines that are no transactions go each by itself, still side by side. As a whole they
 * would be sent on as a whole: while a slot is moved, what one node has answered would be asked again of the other, which does
 * not have it yet and says that there is nothing.
 */
export function sendSingly(cluster: Cluster): void {
  const make = cluster.pipeline.bind(cluster);
  cluster.pipeline = (...commands) => {
    const made = make(...commands);
    const pipeline = made as unknown as Pipeline;
    const execute = pipeline.exec.bind(pipeline);
    pipeline.exec = () => {
      const { _queue: queue } = pipeline;
      if (queue.length === 0 || queue.some(({ name }) => name === "multi")) return execute();
      pipeline.replyPending = queue.length;
      for (const command of queue) cluster.sendCommand(command);
      return pipeline.promise;
    };
    return made;
  };
}
