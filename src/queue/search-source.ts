import type { JobState } from "../core/states.ts";
import type { QueueName } from "../task/definition.ts";
import type { Broker, Shard } from "./broker.ts";
import type { JobQuery } from "./found-job.ts";
import { queuesOf } from "./queue-jobs.ts";
import type { ListPlace, SetPlace } from "./search-place.ts";
import { type Sieve, sieveOf } from "./search-script.ts";

type Collection = "active" | "wait" | "prioritized" | "delayed" | "waiting-children" | "completed" | "failed";

/** One of the collections in which BullMQ keeps a queue's jobs, or a part of one whose order is that of time. */
export interface Source {
  /** Its name in cursors. */
  readonly name: string;
  readonly shard: Shard;
  readonly queue: QueueName;
  readonly collection: Collection;
  readonly key: string;
  readonly kind: "list" | "newest" | "soonest";
  /** The scores that are meant; of a list all. */
  readonly least: number | "-inf";
  readonly most: number | "+inf";
  readonly sieve: Sieve | undefined;
  /** How many jobs it has. */
  readonly size: number;
}

/** What becomes of jobs in each collection: the states that they may be in. */
const statesIn: Record<Collection, readonly JobState[]> = {
  active: ["active"],
  wait: ["waiting", "cancelled"],
  prioritized: ["waiting", "cancelled"],
  delayed: ["scheduled", "cancelled"],
  "waiting-children": ["waiting-children", "cancelled"],
  completed: ["completed"],
  failed: ["failed", "cancelled", "expired"],
};

/** BullMQ puts the priority above these bits of a score, and an order of arrival into them. */
const priorityStep = 2 ** 32;

/** The order of BullMQ's priorities is first come, first served only among equals; Lovage has 1 to 9. */
const priorities = [1, 2, 3, 4, 5, 6, 7, 8, 9];

/** The sources that hold jobs which a query may mean. */
export async function findSources(broker: Broker, query: JobQuery): Promise<Source[]> {
  return (await Promise.all(broker.shards.map((shard) => sourcesOf(shard, query)))).flat();
}

async function sourcesOf(shard: Shard, query: JobQuery): Promise<Source[]> {
  const all = queuesOf(query.queue).flatMap((queue) => {
    const names = Object.keys(statesIn) as Collection[];
    return names.flatMap((collection) => describe(shard, query, queue, collection));
  });
  const pipeline = shard.redis.pipeline();
  for (const { key, kind, least, most } of all) {
    if (kind === "list") pipeline.llen(key);
    else pipeline.zcount(key, least, most);
  }
  const sizes = (await pipeline.exec()) ?? [];
  return all.flatMap((source, index) => {
    const size = Number(sizes[index]?.[1] ?? 0);
    return size === 0 ? [] : [{ ...source, size }];
  });
}

function describe(shard: Shard, query: JobQuery, queue: QueueName, collection: Collection): Source[] {
  const wanted = statesIn[collection].filter((state) => query.states?.includes(state) ?? true);
  if (wanted.length === 0) return [];
  const whole = wanted.length === statesIn[collection].length;
  const one = {
    name: shard.keys.shard === 0 ? `${queue}:${collection}` : `${queue}@${shard.keys.shard}:${collection}`,
    shard,
    queue,
    collection,
    key: shard.keys.of(queue, collection),
    kind: collection === "delayed" ? ("soonest" as const) : ("newest" as const),
    least: "-inf" as const,
    most: "+inf" as const,
    size: 0,
    sieve: sieveOf(query, whole ? {} : narrowing(collection, wanted)),
  };
  switch (collection) {
    case "wait":
    case "active":
      return [{ ...one, kind: "list" }];
    case "prioritized":
      return priorities.map((priority) => ({
        ...one,
        name: `${one.name}:${priority}`,
        least: priority === 1 ? ("-inf" as const) : priority * priorityStep,
        most: priority === 9 ? ("+inf" as const) : (priority + 1) * priorityStep - 1,
      }));
    case "completed":
    case "failed":
      // What ended before was enqueued before.
      return [{ ...one, least: query.since?.getTime() ?? "-inf" }];
    default:
      return [one];
  }
}

/** What tells the wanted states of a collection from its others. */
function narrowing(collection: Collection, wanted: readonly JobState[]): Pick<Sieve, "error" | "cancelled"> {
  if (collection !== "failed") return { cancelled: wanted.includes("cancelled") ? "yes" : "no" };
  const [state, ...others] = wanted;
  if (others.length > 0 || state === "failed") return {};
  return { error: [state === "cancelled" ? "JOB_CANCELLED" : "JOB_EXPIRED"] };
}

/** A job in a source; without a score in a list. */
export interface Entry {
  id: string;
  score: number | undefined;
}

/** Some jobs of a source, in its order. */
export interface Slice {
  entries: Entry[];
  /** Whether they are the last. */
  end: boolean;
  /** Of a list: where the first of them is, and how many there are from it on. */
  index: number;
  left: number;
  /** Of a list: its last one, which is taken first. */
  last: string;
  /** Whether the place was lost, and some of these may have been looked at before. */
  lost: boolean;
}

/** The members of a sorted set after a place. @param most the highest score meant at a beginning */
export async function readSet(
  { redis }: Broker,
  { key, kind, least, most }: Pick<Source, "key" | "kind" | "least" | "most">,
  place: SetPlace | undefined,
  count: number,
): Promise<Slice> {
  const down = kind === "newest";
  const rank = place && (await (down ? redis.zrevrank(key, place.id) : redis.zrank(key, place.id)));
  const score = place && typeof rank === "number" ? Number(await redis.zscore(key, place.id)) : undefined;
  let start = 0;
  if (place !== undefined && typeof rank === "number" && score === place.score)
    start = rank + (place.next ? 0 : 1);
  // The member is gone, or has another score now: what follows has that score and a further id, or a further score.
  else if (place !== undefined)
    start = await (down
      ? redis.zcount(key, `(${place.score}`, "+inf")
      : redis.zcount(key, "-inf", `(${place.score}`));
  else if (down && most !== "+inf") start = await redis.zcount(key, `(${most}`, "+inf");
  const entries: Entry[] = [];
  for (let from = start; ; from += count) {
    const to = from + count - 1;
    const found = down
      ? await redis.zrevrange(key, from, to, "WITHSCORES")
      : await redis.zrange(key, from, String(to), "WITHSCORES");
    let past = found.length < 2 * count;
    // Others may have come or gone since the rank was asked for, so each is held against the place and the bounds.
    for (let at = 0; at < found.length; at += 2) {
      const entry = { id: found[at] ?? "", score: Number(found[at + 1]) };
      const tooLow = least !== "-inf" && entry.score < least;
      const tooHigh = most !== "+inf" && entry.score > most;
      if (down ? tooLow : tooHigh) past = true;
      else if (!tooLow && !tooHigh && (place === undefined || isAfter(entry, place, down)))
        entries.push(entry);
    }
    // All of a page may have been before the place: many jobs can end in the same millisecond.
    if (entries.length > 0 || past) return { entries, end: past, index: 0, left: 0, last: "", lost: false };
  }
}

/** Redis orders what has the same score by the bytes of the members. */
function isAfter(entry: { id: string; score: number }, place: SetPlace, down: boolean): boolean {
  if (entry.score !== place.score) return down === entry.score < place.score;
  if (entry.id === place.id) return place.next;
  const order = Buffer.compare(Buffer.from(entry.id), Buffer.from(place.id));
  return down ? order < 0 : order > 0;
}

/** The members of a list after a place. New ones come in front of it, and workers take from its end. */
export async function readList(
  { redis }: Broker,
  { key }: Source,
  place: ListPlace | undefined,
  count: number,
): Promise<Slice> {
  const { passed = [], next = [], end = "", index: was = 0, left: remained = 0 } = place ?? {};
  const known = [passed.length, ...passed, ...next];
  const [index, left, last, lost, ...ids] = await redis.lovageListSlice(
    key,
    count,
    was,
    remained,
    end,
    ...known,
  );
  const entries = ids.map((id) => ({ id, score: undefined }));
  return { entries, end: ids.length < count, index, left, last, lost: lost === 1 };
}
