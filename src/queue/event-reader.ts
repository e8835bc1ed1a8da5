import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { Broker } from "./broker.ts";
import { withDeadline } from "./connection.ts";
import type { Keys } from "./keys.ts";

/** One entry of a queue's stream of events, as BullMQ wrote it. */
export interface StreamEntry {
  /** Milliseconds and a number, such as "1795594202937-0"; later entries have greater ones. */
  id: string;
  fields: Readonly<Record<string, string>>;
}

export interface StreamListener {
  entries(entries: readonly StreamEntry[]): void;
  /** Entries may have been dropped from the stream before they could be read. */
  gap(): void;
  /** The reader was closed: nothing more will come. */
  closed(): void;
}

/** Reads the streams of events: one connection a queue, however many listen, and none when nobody does. */
export interface EventReader {
  /** Resolves to the position after which everything is told, once that is sure. */
  listen(queue: string, listener: StreamListener): Promise<{ from: string; stop(): void }>;
  /** Entries after a position, oldest first; and whether some before the first of them are gone. */
  history(queue: string, after: string, count: number): Promise<{ entries: StreamEntry[]; gap: boolean }>;
  close(): Promise<void>;
}

/** The name of the stream in which the events of a job are: its queue's, and of other shards than home their number. */
export function streamOf({ shardOf }: Keys, queue: string, id: string): string {
  return streamName(queue, shardOf(id));
}

/** The streams of a queue, one in each shard. */
export function streamsOf({ shards }: Keys, queue: string): string[] {
  return shards.map(({ shard }) => streamName(queue, shard));
}

function streamName(queue: string, shard: number): string {
  return shard === 0 ? queue : `${queue}@${shard}`;
}

export function queueOfStream(stream: string): string {
  return stream.split("@", 1)[0] ?? stream;
}

function eventsKey({ shards }: Keys, stream: string): string {
  const shard = shards[Number(stream.split("@")[1] ?? 0)] ?? shards[0];
  return shard?.events(queueOfStream(stream)) ?? "";
}

/** The position before the first entry of any stream. */
export const beginning = "0-0";

/** How many entries are read at once. */
const batch = 1000;

/** How long a read waits for the next entry, in milliseconds. */
const blockTime = 10_000;

/** How much longer an answer may take before the connection is given up, in milliseconds. */
const answerGrace = 5000;

/** How long after a failed read the next is tried, in milliseconds. */
const retryInterval = 250;

/** How long a connection is kept that nobody listens to: the next listener often comes at once. Milliseconds. */
const linger = 2000;

interface Stream {
  readonly listeners: Set<StreamListener>;
  readonly opened: Promise<void>;
  position: string;
  redis: Redis | undefined;
  lingering: NodeJS.Timeout | undefined;
}

export function createEventReader(broker: Broker, onError: (error: Error) => void): EventReader {
  const streams = new Map<string, Stream>();
  let closed = false;

  function open(queue: string): Stream {
    const stream: Stream = {
      listeners: new Set(),
      position: beginning,
      redis: undefined,
      lingering: undefined,
      opened: newestPosition(broker, queue).then((position) => {
        stream.position = position;
        if (closed) return;
        // A blocking read needs a connection of its own.
        stream.redis = broker.duplicate();
        stream.redis.connect().catch(() => {});
        void follow(queue, stream, stream.redis);
      }),
    };
    streams.set(queue, stream);
    stream.opened.catch(() => streams.delete(queue));
    return stream;
  }

  async function follow(queue: string, stream: Stream, redis: Redis): Promise<void> {
    let interrupted = false;
    redis.on("close", () => {
      interrupted = true;
    });
    while (stream.redis === redis) {
      try {
        const entries = await readNext(broker, redis, queue, stream.position);
        const first = entries[0];
        if (first === undefined) continue;
        // Only who fell behind can have missed something: the stream keeps thousands of entries.
        const behind = interrupted || entries.length === batch;
        const gap = behind && (await hasGap(broker, queue, stream.position, first.id));
        interrupted = false;
        stream.position = entries.at(-1)?.id ?? stream.position;
        for (const listener of stream.listeners) {
          if (gap) listener.gap();
          listener.entries(entries);
        }
      } catch (error) {
        if (stream.redis !== redis) return;
        onError(error as Error);
        await sleep(retryInterval);
      }
    }
  }

  function end(queue: string, stream: Stream): void {
    clearTimeout(stream.lingering);
    if (streams.get(queue) === stream) streams.delete(queue);
    const { redis } = stream;
    stream.redis = undefined;
    redis?.disconnect();
  }

  return {
    async listen(queue, listener) {
      const stream = streams.get(queue) ?? open(queue);
      clearTimeout(stream.lingering);
      stream.listeners.add(listener);
      try {
        await stream.opened;
      } catch (error) {
        stream.listeners.delete(listener);
        throw error;
      }
      if (closed) listener.closed();
      return {
        from: stream.position,
        stop() {
          if (!stream.listeners.delete(listener) || stream.listeners.size > 0) return;
          stream.lingering = setTimeout(() => end(queue, stream), linger).unref();
        },
      };
    },
    async history(queue, after, count) {
      const entries = toEntries(
        await broker.redis.xrange(eventsKey(broker.keys, queue), `(${after}`, "+", "COUNT", count),
      );
      return { entries, gap: await hasGap(broker, queue, after, entries[0]?.id) };
    },
    async close() {
      closed = true;
      for (const [queue, stream] of streams) {
        end(queue, stream);
        for (const listener of stream.listeners) listener.closed();
      }
    },
  };
}

/** Whether the first of two positions lies before the second. */
export function isBefore(one: string, other: string): boolean {
  const [oneTime = 0, oneNumber = 0] = one.split("-").map(Number);
  const [otherTime = 0, otherNumber = 0] = other.split("-").map(Number);
  return oneTime < otherTime || (oneTime === otherTime && oneNumber < otherNumber);
}

/** The position after which lies what has not happened yet. */
export async function newestPosition(broker: Broker, queue: string): Promise<string> {
  // Not "$": what happens before the first blocking read would be missed.
  const [newest] = await broker.redis.xrevrange(eventsKey(broker.keys, queue), "+", "-", "COUNT", 1);
  return newest?.[0] ?? beginning;
}

async function readNext(broker: Broker, redis: Redis, queue: string, after: string): Promise<StreamEntry[]> {
  const key = eventsKey(broker.keys, queue);
  const reading = redis.xread("COUNT", batch, "BLOCK", blockTime, "STREAMS", key, after);
  try {
    const answer = await withDeadline(reading, blockTime + answerGrace, broker.address);
    return toEntries(answer?.[0]?.[1] ?? []);
  } catch (error) {
    // A connection can be dead without anybody having been told; a new one reads on where this one stopped.
    if (redis.status === "ready") redis.disconnect(true);
    throw error;
  }
}

/** Whether entries after a position were dropped before `first`, or before the end where there is none. */
async function hasGap(
  broker: Broker,
  queue: string,
  after: string,
  first: string | undefined,
): Promise<boolean> {
  if (after === beginning) return false;
  const key = eventsKey(broker.keys, queue);
  const [oldest] = await broker.redis.xrange(key, "-", "+", "COUNT", 1);
  if (oldest === undefined) return first === undefined;
  return isBefore(after, oldest[0]);
}

function toEntries(answer: readonly (readonly [string, readonly string[]])[]): StreamEntry[] {
  return answer.map(([id, pairs]) => {
    const fields: Record<string, string> = {};
    for (let at = 0; at + 1 < pairs.length; at += 2) fields[pairs[at] ?? ""] = pairs[at + 1] ?? "";
    return { id, fields };
  });
}
