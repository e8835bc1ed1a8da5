import type { LovageError } from "../core/errors.ts";
import type { Consumer, ConsumerStatus, HeldJob } from "../queue/consumer.ts";
import type { QueueName } from "../task/definition.ts";

/** The queues a worker takes jobs from, which may become more and fewer while it runs. */
export interface ServedQueues {
  start(): Promise<void>;
  /** Begins with a further queue; false when it is served already. */
  add(name: QueueName, concurrency: number): Promise<boolean>;
  /** Takes no more jobs of a queue; resolves when its running jobs have ended. False when it is not served. */
  remove(name: QueueName): Promise<boolean>;
  /** The consumers of the queues, or of one; those that end their last jobs are no longer among them. */
  consumers(name?: QueueName): Consumer[];
  status(): ConsumerStatus[];
  /** All running jobs, also those of queues that were removed. */
  held(): { job: HeldJob; takenAt: number }[];
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
      if (served.has(name) || draining) return false;
      const consumer = open(name, concurrency);
      served.set(name, consumer);
      await consumer.start();
      return true;
    },
    async remove(name) {
      const consumer = served.get(name);
      if (consumer === undefined) return false;
      served.delete(name);
      const drained = consumer.drain();
      leaving.set(consumer, drained);
      await drained.finally(() => leaving.delete(consumer));
      return true;
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
