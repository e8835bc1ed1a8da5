import { toMilliseconds } from "../../core/durations.ts";
import { type Broker, openBroker } from "../../queue/broker.ts";
import { redisAddress, toRedisSettings, unavailable, withDeadline } from "../../queue/connection.ts";
import { type Asker, createAsker } from "../../queue/control.ts";
import { createEventReader, type EventReader } from "../../queue/event-reader.ts";
import { createJobEvents, type JobEvents } from "../../queue/events.ts";
import { createSender, type Sender } from "../../queue/sender.ts";
import type { EnqueueGate } from "../../task/enqueue-hooks.ts";
import type { TaskDirectory } from "../directory.ts";
import { gateOf, type RedisClientOptions } from "../options.ts";
import { createDirectory } from "./directory.ts";

/** What a client's calls work with, once it is connected. */
export interface ClientParts {
  readonly broker: Broker;
  readonly directory: TaskDirectory;
  readonly reader: EventReader;
  readonly events: JobEvents;
  readonly sender: Sender;
  /** What the hooks do to each call. */
  readonly gate: EnqueueGate | undefined;
  readonly asker: Asker;
  /** Milliseconds that a call waits for Redis. */
  readonly timeout: number;
  /** @throws LovageError `REDIS_UNAVAILABLE` when the answer does not come within the client's timeout */
  inTime<T>(answer: Promise<T>): Promise<T>;
}

/** A client's connection, made at the first call. */
export interface Connection {
  /** @throws LovageError `REDIS_UNAVAILABLE`, `REDIS_POLICY` */
  parts(): Promise<ClientParts>;
  /** Every call is bounded: a client must not hang on a Redis that went away. */
  bounded<T>(call: (parts: ClientParts) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export function createConnection(options: RedisClientOptions): Connection {
  const timeout = toMilliseconds(options.timeout ?? "10s", "timeout");
  const onError = options.onError ?? (() => {});
  const gate = gateOf(options);
  let opening: Promise<ClientParts> | undefined;
  let closed = false;

  async function open(): Promise<ClientParts> {
    const telemetry = await options.telemetry;
    const broker = await openBroker({ redis: options.redis, connectDeadline: timeout, onError, telemetry });
    const reader = createEventReader(broker, onError);
    return {
      broker,
      directory: createDirectory(broker, options.catalogue),
      reader,
      events: createJobEvents(reader, broker.keys),
      sender: createSender(broker),
      gate,
      asker: createAsker(broker),
      timeout,
      inTime: (answer) => withDeadline(answer, timeout, broker.address),
    };
  }

  async function parts(): Promise<ClientParts> {
    if (closed) throw unavailable(redisAddress(toRedisSettings(options.redis)), "the client was closed");
    opening ??= open();
    try {
      return await opening;
    } catch (error) {
      // The next call tries again.
      opening = undefined;
      throw error;
    }
  }

  return {
    parts,
    async bounded(call) {
      const ready = await parts();
      return ready.inTime(call(ready));
    },
    async close() {
      closed = true;
      const opened = await opening?.catch(() => undefined);
      await opened?.reader.close();
      await opened?.sender.close();
      await opened?.asker.close();
      await opened?.broker.close();
    },
  };
}
