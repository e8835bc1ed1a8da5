import { type Duration, toMilliseconds } from "../core/durations.ts";
import { describeError, LovageError } from "../core/errors.ts";
import { type Broker, openBroker, type Telemetry } from "../queue/broker.ts";
import { type RedisSettings, withDeadline } from "../queue/connection.ts";
import { type Asker, createAsker } from "../queue/control.ts";
import { createEventReader, type EventReader } from "../queue/event-reader.ts";
import { createJobEvents, type JobEvents } from "../queue/events.ts";
import { createSender, type Sender } from "../queue/sender.ts";
import type { Catalogue } from "../task/catalogue.ts";
import { createEnqueueGate, type EnqueueGate } from "../task/enqueue-hooks.ts";
import type { EnqueueHooks } from "../task/hooks.ts";
import { createDirectory, type TaskDirectory } from "./directory.ts";
import { createHandle, type JobHandle } from "./handle.ts";

export interface ClientOptions {
  /** A URL (`redis://:password@host:6380`) or its parts. */
  redis: string | RedisSettings;
  /** The tasks, to check inputs against the very schemas. Default: what the workers published in Redis. */
  catalogue?: Catalogue;
  /** How long a call waits for Redis. Default "10s". */
  timeout?: Duration;
  /** Around every call of this client. The first is outermost. */
  hooks?: readonly EnqueueHooks[];
  /** Makes each call a span and lets its trace go on in the job: `new BullMQOtel()` of the package `bullmq-otel`. */
  telemetry?: Telemetry | Promise<Telemetry | undefined> | undefined;
  /** Hears of connection faults and of hooks that fail after the fact; the client reconnects by itself. Default: silence. */
  onError?: (error: Error) => void;
}

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

export function createConnection(options: ClientOptions): Connection {
  const timeout = toMilliseconds(options.timeout ?? "10s", "timeout");
  const onError = options.onError ?? (() => {});
  const gate = createEnqueueGate(options.hooks ?? [], (hook, error) => {
    const message = `the hook ${hook} failed: ${describeError(error)}`;
    onError(new LovageError("UNEXPECTED", message, { cause: error }));
  });
  let opening: Promise<ClientParts> | undefined;

  async function open(): Promise<ClientParts> {
    const telemetry = await options.telemetry;
    const broker = await openBroker({ redis: options.redis, connectDeadline: timeout, onError, telemetry });
    const reader = createEventReader(broker, onError);
    return {
      broker,
      directory: createDirectory(broker, options.catalogue),
      reader,
      events: createJobEvents(reader),
      sender: createSender(broker),
      gate,
      asker: createAsker(broker),
      timeout,
      inTime: (answer) => withDeadline(answer, timeout, broker.address),
    };
  }

  async function parts(): Promise<ClientParts> {
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
      const opened = await opening?.catch(() => undefined);
      opening = undefined;
      await opened?.reader.close();
      await opened?.sender.close();
      await opened?.asker.close();
      await opened?.broker.close();
    },
  };
}

export function handleOf(
  parts: ClientParts,
  job: { id: string; task: string; queue: string },
): JobHandle<never> {
  return createHandle<never>(parts, job);
}
