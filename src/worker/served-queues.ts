import { LovageError } from "../core/errors.ts";
import type { Consumer, ConsumerStatus } from "../queue/consumer.ts";
import type { HeldJob } from "../queue/held-job.ts";
import type { QueueName } from "../task/definition.ts";

/** The queues a worker takes jobs from, which may become more and fewer while it runs. */
export interface ServedQueues {
  start(): Promise<void>;
  /**
   * Begins with a further queue, if it is not served already.
   * @throws LovageError `WORKER_STOPPING`
   */
  add(name: QueueName, concurrency: number): Promise<void>;
  /** Takes no more jobs of a queue; resolves when its running jobs have ended. */
  remove(name: QueueName): Promise<void>;
  /** The consumers of the queues, or of one; those that end their last jobs are no longer among them. */
  consumers(name?: QueueName): Consumer[];
  status(): ConsumerStatus[];
  /** All running jobs, also those of queues that were removed. */
  held(): HeldJob[];
  abort(reason: LovageError, matches: Parameters<Consumer["abort"]>[1]): void;
  drain(): Promise<unknown>;
}

export function createServedQueues(
  initial: readonly { name: QueueName; concurrency: number }[],
  open: (name: QueueName, concurrency: number) => Consumer,
): ServedQueues {
  const served = new Map<QueueName, Consumer>();
  const leaving = new Map<Consumer, Promise<void>>();
  let draining = false;
  for (const { name, concurrency } of initial) served.set(name, open(name, concurrency));
  const all = () => [...served.values(), ...leaving.keys()];

  return {
    async start() {
      await Promise.all([...served.values()].map((consumer) => consumer.start()));
    },
    async add(name, concurrency) {
      if (draining) throw new LovageError("WORKER_STOPPING", "the worker stops: it takes up no queue");
      if (served.has(name)) return;
      const consumer = open(name, concurrency);
      served.set(name, consumer);
      await consumer.start();
    },
    async remove(name) {
      const consumer = served.get(name);
      if (consumer === undefined) return;
      served.delete(name);
      const drained = consumer.drain();
      leaving.set(consumer, drained);
      await drained.finally(() => leaving.delete(consumer));
    },
    consumers: (name) =>
      [...served].filter(([served]) => name === undefined || served === name).map(([, consumer]) => consumer),
    status: () => [...served.values()].map((consumer) => consumer.status()),
    held: () => all().flatMap((consumer) => consumer.held()),
    abort(reason, matches) {
      for (const consumer of all()) consumer.abort(reason, matches);
    },
    drain() {
      draining = true;
      return Promise.all([
        ...[...served.values()].map((consumer) => consumer.drain()),
        ...[...leaving.values()],
      ]);
    },
  };
}
