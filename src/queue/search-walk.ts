import type { Broker } from "./broker.ts";
import type { JobQuery } from "./found-job.ts";
import { type Match, readMatches } from "./search-match.ts";
import type { Cursor, Place } from "./search-place.ts";
import { type Entry, readList, readSet, type Slice, type Source } from "./search-source.ts";

/** A job that was found in a source, and was not given yet. */
export interface Found {
  match: Match;
  /** How far from now it is, in milliseconds; never less than that of the job before it. */
  distance: number;
}

/** The way through one source. */
export interface Walk {
  readonly source: Source;
  /** The next job that fits, as far as the walk has come. */
  next(): Found | undefined;
  /** Passes the next job that fits. */
  take(): void;
  /** How far from now the jobs are, at least, that it has not looked at. */
  bound(): number;
  /** Whether there is no more to look at. */
  isOver(): boolean;
  /** Looks at some more jobs; for when no next job is known. */
  goOn(): Promise<void>;
  /** How many jobs it looked at and passed. */
  looked(): number;
  /** Undefined when it is over and all was passed. */
  place(): Place | undefined;
}

/** Slices grow from the one to the other: most sources are asked for few jobs, and Redis is never busy for long. */
const leastSlice = 16;
const mostSlice = 500;
/** Of ids alone more are read at once. */
const mostIds = 2000;

/** So many neighbours of a place in a list are remembered: all but one may be gone by the next part. */
const neighbours = 3;

export interface WalkOptions {
  query: JobQuery;
  /** When the search began. */
  at: number;
  /** Undefined in the first part of a search. */
  begun: Cursor | undefined;
  /** Whether a job was given that may have come to its place again. */
  wasGiven(match: Match): boolean;
}

export function createWalk(broker: Broker, source: Source, options: WalkOptions): Walk {
  const { query, at, begun, wasGiven } = options;
  const start = begun?.places[source.name];
  const onlyIds = query.id !== undefined && source.sieve === undefined;
  let place: Place = start ?? { floor: 0 };
  let over = false;
  let bound = 0;
  let passed = 0;
  let size = leastSlice;
  let slice: Slice = { entries: [], end: false, index: 0, left: 0, last: "", lost: false };
  const found: (Found & { at: number })[] = [];
  /** What was looked at in the slice. */
  let seen: Entry[] = [];

  /** The place after so many of the slice. */
  function placeAfter(count: number): Place {
    const { floor } = place;
    const [first] = slice.entries;
    const nowhere = place.set === undefined && place.list === undefined;
    if (first === undefined || (count === 0 && !nowhere)) return place;
    if (source.kind !== "list") {
      const { score = 0, id } = seen[count - 1] ?? first;
      return { set: { score, id, next: count === 0 }, floor };
    }
    const before = seen.slice(0, count).map(({ id }) => id);
    const known = [...before.reverse(), ...(place.list?.passed ?? [])];
    const next = slice.entries.slice(count, count + neighbours).map(({ id }) => id);
    const list = {
      passed: known.slice(0, neighbours),
      next,
      end: slice.last,
      index: slice.index + count,
      left: slice.left - count,
    };
    return { list, floor };
  }

  /** Milliseconds between now and a job's moment: its end, its enqueuing, or the start it waits for. */
  function distanceOf(score: number | undefined, enqueuedAt: number): number {
    if (source.collection === "active") return 0;
    if (source.collection === "delayed") return Math.max(0, Math.floor((score ?? 0) / 0x1000) - at);
    const byScore = source.kind !== "list" && source.collection !== "prioritized";
    return Math.max(0, at - (byScore ? (score ?? 0) : enqueuedAt));
  }

  /** What came to its place after the search began may have been given from another place. */
  function cameLater(match: Match, distance: number): boolean {
    if (wasGiven(match)) return true;
    if (begun === undefined) return false;
    if (slice.lost && distance <= place.floor) return true;
    switch (source.collection) {
      case "wait":
      case "prioritized":
      case "active":
        // It was made since, or taken since and maybe handed back.
        return Math.max(match.enqueuedAt.getTime(), match.startedAt?.getTime() ?? 0) > at;
      case "delayed":
        return match.delayedAt > at;
      default:
        return false;
    }
  }

  async function read(): Promise<Slice> {
    if (source.kind === "list") return readList(broker, source, place.list, size);
    // Of what ended since the search began some may have been given as running.
    const most =
      begun !== undefined && source.kind === "newest" && source.collection !== "prioritized"
        ? at
        : source.most;
    return readSet(broker, { ...source, most }, place.set, size);
  }

  /** The places in the slice of what may fit; tells how far it looked. */
  async function sieve(entries: readonly Entry[]): Promise<{ may: number[]; looked: number; last: number }> {
    const { id } = query;
    // Whose id is the very one that is searched for was found at once, in the first part.
    const named = entries.flatMap((entry, index) =>
      id === undefined || (entry.id.startsWith(id) && entry.id !== id) ? [index] : [],
    );
    const last = entries.at(-1);
    const whole = { may: named, looked: entries.length, last: distanceOf(last?.score, at) };
    if (source.sieve === undefined || named.length === 0) return whole;
    const [looked, enqueuedAt, ...through] = await broker.redis.lovageSieve(
      source.shard.keys.of(source.queue, ""),
      JSON.stringify(source.sieve),
      ...named.map((index) => entries[index]?.id ?? ""),
    );
    const may = through.map((position) => named[position - 1] ?? 0);
    const end = looked === named.length ? entries.length : (named[looked] ?? 0);
    return { may, looked: end, last: distanceOf(entries[end - 1]?.score, Number(enqueuedAt)) };
  }

  return {
    source,
    next: () => found[0],
    take() {
      const [first] = found.splice(0, 1);
      if (first !== undefined) place = { ...place, floor: first.distance };
    },
    bound: () => found[0]?.distance ?? bound,
    isOver: () => over && found.length === 0,
    async goOn() {
      place = placeAfter(seen.length);
      passed += seen.length;
      slice = await read();
      const { may, looked, last } = await sieve(slice.entries);
      seen = slice.entries.slice(0, looked);
      over = slice.end && looked === slice.entries.length;
      const finds = may.map((index) => {
        const { id = "", score } = slice.entries[index] ?? {};
        return { queue: source.queue, id, score, bullState: source.collection };
      });
      const matches = await readMatches(source.shard, query, finds);
      let { floor } = place;
      for (const [order, match] of matches.entries()) {
        if (match === undefined) continue;
        const distance = distanceOf(finds[order]?.score, match.enqueuedAt.getTime());
        if (cameLater(match, distance)) continue;
        floor = Math.max(floor, distance);
        found.push({ match, distance: floor, at: may[order] ?? 0 });
      }
      bound = over ? Number.POSITIVE_INFINITY : Math.max(floor, last);
      size = Math.min(onlyIds ? mostIds : mostSlice, size * 2);
    },
    looked: () => passed + (found[0]?.at ?? seen.length),
    place() {
      if (over && found.length === 0) return undefined;
      return placeAfter(found[0]?.at ?? seen.length);
    },
  };
}
