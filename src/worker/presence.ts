import { LovageError } from "../core/errors.ts";
import type { Logger } from "../observe/logger.ts";
import type { Broker } from "../queue/broker.ts";
import { listenForCancellations } from "../queue/cancellations.ts";
import { answerRequests } from "../queue/control.ts";
import type { HistoryRecorder } from "../queue/history-recorder.ts";
import type { LimitOverrides } from "../queue/limit-overrides.ts";
import type { RedisClock } from "../queue/redis-clock.ts";
import { createRegistration, type WorkerBeat } from "../queue/registry.ts";
import { createSubscriber } from "../queue/subscriber.ts";
import { createHeartbeat } from "./heartbeat.ts";
import { createRemoteControl, type RemoteControlParts } from "./remote-control.ts";
import type { ServedQueues } from "./served-queues.ts";

export interface PresenceParts extends Omit<RemoteControlParts, "heartbeat" | "redisAddress"> {
  broker: Broker;
  queues: ServedQueues;
  history: HistoryRecorder;
  limits: LimitOverrides;
  /** Told Redis' time with each beat. */
  clock: RedisClock;
  /** The name it wishes for. */
  wantedName: string;
  logger: Logger;
  rayClusters(): WorkerBeat["rayClusters"];
  /** Told when a live worker has that name already, and this one goes by another. */
  onName(name: string): void;
  onError(error: Error): void;
}

/** A worker as others see it: it has a name in the registry, beats, hears of cancellations and answers requests. */
export interface Presence {
  readonly name: string;
  /** What it says of itself at this moment. */
  status(): WorkerBeat;
  /** After this it can be found and asked. */
  start(): Promise<void>;
  /** Says that it takes no more jobs; it still hears and answers. */
  stopping(): void;
  /** Leaves the registry. */
  stop(): Promise<void>;
}

export function createPresence(parts: PresenceParts): Presence {
  const { broker, queues, limits, logger, onError } = parts;
  const registration = createRegistration(broker, parts.wantedName, parts.clock);
  const heartbeat = createHeartbeat({ ...parts, registration });
  const subscriber = createSubscriber(broker);
  const handlers = createRemoteControl({
    ...parts,
    heartbeat,
    redisAddress: broker.address,
    removeQueue(name) {
      logger.info({ queue: name }, "an operator had the queue removed: takes no more of its jobs");
      parts.removeQueue(name);
    },
    shutdown() {
      logger.info({}, "an operator asked the worker to stop");
      // The answer goes out first.
      setImmediate(parts.shutdown);
    },
  });

  return {
    get name() {
      return registration.name;
    },
    status: heartbeat.status,
    async start() {
      await limits.start();
      await heartbeat.start();
      await listenForCancellations(broker, subscriber, ({ queue, id, reason }) => {
        const cancelled = new LovageError("JOB_CANCELLED", reason);
        queues.abort(cancelled, (job) => job.queue === queue && job.id === id);
      });
      await answerRequests(broker, subscriber, registration, handlers, onError);
      await subscriber.start();
    },
    stopping: () => heartbeat.stopping(),
    async stop() {
      limits.stop();
      await Promise.all([subscriber.stop(), heartbeat.stop()]);
    },
  };
}
