import type { Broker } from "./broker.ts";
import { decodeCursor, encodeCursor } from "./event-cursor.ts";
import {
  type EventReader,
  isBefore,
  queueOfStream,
  type StreamEntry,
  streamOf,
  streamsOf,
} from "./event-reader.ts";
import { type EntryFacts, type LiveEvent, needsLook, timeOf, toChange } from "./live-event.ts";
import { createTaskNames } from "./task-names.ts";

export interface FeedOptions {
  queues: readonly string[];
  /** Where to go on; default: what happens from now on. */
  since?: string | undefined;
  /** Only this job's events. */
  job?: { id: string; task: string } | undefined;
}

/** An entry of one of the streams, or that entries before it are gone. `queue` is the stream's name. */
type Item = Entry | { queue: string; gap: true };

interface Entry {
  queue: string;
  entry: StreamEntry;
  previous: StreamEntry | undefined;
}

/** How many events wait for a slow consumer in memory; then it reads them from Redis again. */
const most = 5000;

/** How many entries of the past are read at once. */
const page = 500;

/**
 * What happens in queues: the past from a cursor on, then live. Each queue's events come once and in order; those of two
 * queues live as they arrive. Ends when `over` is aborted.
 */
export async function* readFeed(
  broker: Broker,
  reader: EventReader,
  options: FeedOptions,
  over: AbortSignal,
): AsyncGenerator<LiveEvent, void, undefined> {
  const since = options.since === undefined ? undefined : decodeCursor(options.since);
  const names = createTaskNames(broker);
  const positions = new Map<string, string>();
  const { job } = options;
  const streams = options.queues.flatMap((queue) =>
    job === undefined ? streamsOf(broker.keys, queue) : [streamOf(broker.keys, queue, job.id)],
  );
  const live = await listenToAll(reader, streams, isAsked, over);
  try {
    for (const [queue, from] of live.from) positions.set(queue, since?.get(queue) ?? from);
    let behind = since !== undefined;
    while (!live.ended()) {
      if (live.overflowed()) behind = true;
      const items = behind ? await readPast(reader, positions) : live.take();
      if (items.length === 0) {
        if (behind) behind = false;
        else await live.changed();
      }
      for (const event of await toEvents(items)) {
        if (live.ended()) return;
        yield event;
      }
    }
  } finally {
    live.stop();
  }

  async function toEvents(items: readonly Item[]): Promise<LiveEvent[]> {
    const fresh = items.filter((item) => "gap" in item || isNew(item));
    const questions = fresh.flatMap((item) => {
      if ("gap" in item || !isAsked(item.entry)) return [];
      const { queue, entry, previous } = item;
      return [{ queue: queueOfStream(queue), entry, needsLook: needsLook(entry, previous) }];
    });
    const facts = await names.look(questions, options.job);
    return fresh.flatMap((item) => toEvent(item, facts));
  }

  function toEvent(item: Item, facts: ReadonlyMap<StreamEntry, EntryFacts>): LiveEvent[] {
    const stream = item.queue;
    const queue = queueOfStream(stream);
    if ("gap" in item) {
      const at = timeOf(positions.get(stream) ?? "0-0");
      return [{ type: "gap", queue, at, cursor: encodeCursor(positions) }];
    }
    const { entry } = item;
    positions.set(stream, entry.id);
    const known = facts.get(entry);
    const change = known && toChange(entry, known);
    if (change === undefined) return [];
    const { task } = known ?? {};
    const id = entry.fields["jobId"] ?? "";
    return [{ ...change, id, task, queue, at: timeOf(entry.id), cursor: encodeCursor(positions) }];
  }

  /** What was read from the past already comes once more from the live stream. */
  function isNew({ queue, entry }: Entry): boolean {
    return isBefore(positions.get(queue) ?? "0-0", entry.id);
  }

  function isAsked({ fields }: StreamEntry): boolean {
    return options.job === undefined ? fields["jobId"] !== undefined : fields["jobId"] === options.job.id;
  }
}

/** The next entries of all queues in the order of their times; none when the present is reached. */
async function readPast(reader: EventReader, positions: ReadonlyMap<string, string>): Promise<Item[]> {
  const pages = await Promise.all(
    [...positions].map(async ([queue, after]) => ({ queue, ...(await reader.history(queue, after, page)) })),
  );
  const gaps = pages.filter(({ gap }) => gap).map(({ queue }) => ({ queue, gap: true }) as const);
  // Past the end of a full page the order is not known yet; what lies there is read again.
  const ends = pages.flatMap(({ entries }) => (entries.length === page ? [entries.at(-1)?.id ?? ""] : []));
  const end = ends.reduce<string | undefined>(
    (least, id) => (least === undefined || isBefore(id, least) ? id : least),
    undefined,
  );
  const items = pages.flatMap(({ queue, entries }) => withPrevious(queue, entries));
  const ordered = items
    .filter(({ entry }) => end === undefined || !isBefore(end, entry.id))
    .sort((a, b) => (isBefore(a.entry.id, b.entry.id) ? -1 : isBefore(b.entry.id, a.entry.id) ? 1 : 0));
  return ordered.length === 0 ? [] : [...gaps, ...ordered];
}

function withPrevious(queue: string, entries: readonly StreamEntry[], before?: StreamEntry): Entry[] {
  return entries.map((entry, at) => ({ queue, entry, previous: at === 0 ? before : entries[at - 1] }));
}

async function listenToAll(
  reader: EventReader,
  queues: readonly string[],
  isAsked: (entry: StreamEntry) => boolean,
  over: AbortSignal,
) {
  let waiting: Item[] = [];
  let overflow = false;
  let ended = over.aborted;
  let wake = () => {};
  const last = new Map<string, StreamEntry>();
  const add = (items: readonly Item[]) => {
    if (waiting.length + items.length > most) {
      waiting = [];
      overflow = true;
    } else waiting.push(...items);
    wake();
  };
  const end = () => {
    ended = true;
    wake();
  };
  over.addEventListener("abort", end, { once: true });
  const listeners = await Promise.all(
    queues.map(async (queue) => {
      const listener = {
        entries(entries: readonly StreamEntry[]) {
          add(withPrevious(queue, entries, last.get(queue)).filter(({ entry }) => isAsked(entry)));
          const newest = entries.at(-1);
          if (newest !== undefined) last.set(queue, newest);
        },
        gap: () => add([{ queue, gap: true }]),
        closed: end,
      };
      return { queue, ...(await reader.listen(queue, listener)) };
    }),
  );
  return {
    from: listeners.map(({ queue, from }) => [queue, from] as const),
    take(): Item[] {
      const taken = waiting;
      waiting = [];
      return taken;
    },
    /** Whether nobody wants more, or nothing more will come. */
    ended: () => ended,
    /** Whether events were dropped since the last call: they are still in Redis. */
    overflowed(): boolean {
      const was = overflow;
      overflow = false;
      return was;
    },
    async changed(): Promise<void> {
      if (ended || waiting.length > 0) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      await promise;
    },
    stop() {
      over.removeEventListener("abort", end);
      for (const { stop } of listeners) stop();
    },
  };
}
