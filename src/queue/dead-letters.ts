import type { Duration } from "../core/durations.ts";
import { LovageError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { toMoment } from "../core/moments.ts";
import type { Call } from "../task/codec.ts";
import { type QueueName, queueNames } from "../task/definition.ts";
import { type Broker, partsOf } from "./broker.ts";
import { jobFields } from "./keys.ts";
import { askOfEach } from "./scattered.ts";
import type { SetPlace } from "./search-place.ts";
import { readSet } from "./search-source.ts";
import { type JobSnapshot, readError, toSnapshot, toState } from "./snapshot.ts";

/** The states in which a job is a dead letter. */
export type DeadState = "failed" | "cancelled" | "expired";

/** Which dead letters; all that is given must hold. */
export interface DeadLetterFilter {
  queue?: QueueName;
  task?: string;
  /** The code of the job's error. */
  code?: string;
  tag?: string;
  /** Default: `failed` only. */
  states?: readonly DeadState[];
  /** Ended at or after this moment, or so long ago at most. */
  since?: Date | Duration;
  /** Ended before this moment, or longer ago. */
  until?: Date | Duration;
}

/** Where a walk through the dead letters goes on: they are ordered by end, queue and id, the newest first. */
interface Place {
  endedAt: number;
  queue: string;
  id: string;
}

/** How many jobs are looked at in one round trip. */
const page = 100;

/**
 * The dead letters that fit, the newest first, a page at a time: however many there are, only a page is in memory.
 * Each comes with the cursor from which to go on after it.
 */
export async function* walkDeadLetters(
  broker: Broker,
  filter: DeadLetterFilter,
  cursor?: string,
): AsyncGenerator<{ snapshot: JobSnapshot; cursor: string }, void, undefined> {
  const { since, until } = filter;
  const bounds = {
    since: since === undefined ? undefined : toMoment(since, "since").getTime(),
    until: until === undefined ? undefined : toMoment(until, "until").getTime(),
  };
  const queues = filter.queue === undefined ? queueNames : [filter.queue];
  let after = cursor === undefined ? undefined : decodePlace(cursor);
  for (;;) {
    const places = await readPlaces(broker, queues, bounds, after);
    if (places.length === 0) return;
    const fitting = await keepFitting(broker, filter, places);
    for (const { place, hash } of fitting) {
      yield { snapshot: toSnapshot(place, "failed", hash), cursor: encodePlace(place) };
    }
    after = places.at(-1);
  }
}

/** The next places in order, from all queues; those of a queue whose page is full end the page for all. */
async function readPlaces(
  broker: Broker,
  queues: readonly string[],
  { since, until }: { since: number | undefined; until: number | undefined },
  after: Place | undefined,
): Promise<Place[]> {
  const pages = await Promise.all(
    partsOf(broker, queues).map(async ({ shard, queue }) => {
      const set = {
        key: shard.keys.failed(queue),
        kind: "newest",
        least: since ?? "-inf",
        most: until === undefined ? "+inf" : until - 1,
      } as const;
      const { entries, end } = await readSet(broker, set, after && placeIn(queue, after), page);
      const places = entries.map(({ id, score = 0 }) => ({ queue, id, endedAt: score }));
      return { places, full: !end };
    }),
  );
  const ends = pages.flatMap(({ places, full }) => (full ? places.slice(-1) : [])).sort(compare);
  const [end] = ends;
  return pages
    .flatMap(({ places }) => places)
    .sort(compare)
    .filter((place) => end === undefined || compare(place, end) <= 0);
}

/** Where a place of all queues is in one of them: what ended at the same moment comes before it, or after it. */
function placeIn(queue: string, { endedAt, queue: of, id }: Place): SetPlace {
  const beyond = queue < of ? "" : "\u{10ffff}";
  return { score: endedAt, id: queue === of ? id : beyond, next: false };
}

/** The newest first; Redis, too, orders what has the same score by id, from the last to the first. */
function compare(one: Place, other: Place): number {
  if (one.endedAt !== other.endedAt) return other.endedAt - one.endedAt;
  if (one.queue !== other.queue) return one.queue < other.queue ? -1 : 1;
  return Buffer.compare(Buffer.from(other.id), Buffer.from(one.id));
}

async function keepFitting(broker: Broker, filter: DeadLetterFilter, places: readonly Place[]) {
  const states: readonly string[] = filter.states ?? ["failed"];
  const fields = ["name", jobFields.error, "failedReason", jobFields.cancel];
  // The data holds the whole input: read only where it is needed.
  if (filter.tag !== undefined) fields.push("data");
  const answers = await pipelined(broker, places, (pipeline, key) => pipeline.hmget(key, ...fields));
  const fitting = places.filter((_place, index) => {
    const [name, record, reason, cancel, data] = (answers[index] ?? []) as (string | null)[];
    if (typeof name !== "string") return false;
    const error = readError({
      [jobFields.error]: record ?? undefined,
      failedReason: reason ?? undefined,
    });
    const state = toState("failed", error, typeof cancel === "string");
    return (
      states.includes(state) &&
      (filter.task === undefined || filter.task === name) &&
      (filter.code === undefined || filter.code === error?.code) &&
      (filter.tag === undefined || hasTag(data, filter.tag))
    );
  });
  const hashes = await pipelined(broker, fitting, (pipeline, key) => pipeline.hgetall(key));
  return fitting.flatMap((place, index) => {
    const hash = hashes[index] as Record<string, string> | undefined;
    return hash?.["name"] === undefined ? [] : [{ place, hash }];
  });
}

async function pipelined(
  broker: Broker,
  places: readonly Place[],
  ask: (pipeline: ReturnType<Broker["redis"]["pipeline"]>, key: string) => unknown,
): Promise<unknown[]> {
  if (places.length === 0) return [];
  return (await askOfEach(broker, places, ask)).map(([, answer]) => answer);
}

function hasTag(data: string | null | undefined, tag: string): boolean {
  const call = parseJson(data ?? "") as Partial<Call> | null | undefined;
  const tags: unknown = call?.meta?.tags;
  return Array.isArray(tags) && tags.includes(tag);
}

function encodePlace({ endedAt, queue, id }: Place): string {
  return Buffer.from(JSON.stringify([endedAt, queue, id])).toString("base64url");
}

function decodePlace(cursor: string): Place {
  const found = parseJson(Buffer.from(String(cursor), "base64url").toString());
  const [endedAt, queue, id] = Array.isArray(found) ? found : [];
  if (typeof endedAt === "number" && typeof queue === "string" && typeof id === "string")
    return { endedAt, queue, id };
  throw new LovageError("INPUT_INVALID", `cursor is none of a list: ${JSON.stringify(cursor)}`, {
    field: "cursor",
    value: cursor,
    hint: "give the `cursor` of the last answer, or leave it out",
  });
}
