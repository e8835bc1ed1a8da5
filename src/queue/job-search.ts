import type { JobState } from "../core/states.ts";
import type { Broker } from "./broker.ts";
import type { FoundJob, JobPage, JobQuery } from "./found-job.ts";
import { queuesOf } from "./queue-jobs.ts";
import { type Match, readMatches } from "./search-match.ts";
import { type Cursor, decodeCursor, encodeCursor } from "./search-place.ts";
import { findSources } from "./search-source.ts";
import { createWalk, type Walk } from "./search-walk.ts";

export interface SearchOptions {
  /** How many jobs a part has at most. */
  limit: number;
  /** Where an earlier part ended. */
  cursor?: string | undefined;
  /** Milliseconds after which a part ends with what it has. Default 250. */
  budget?: number;
}

/** From these states a job may come, or come back, to those that wait, at the end that is looked at last. */
const comesBack: ReadonlySet<JobState> = new Set(["active", "waiting-children", "scheduled"]);

/** In so many sources it looks at once, and at the clock afterwards. */
const atOnce = 8;

/** So many jobs that were given are remembered, of those that may come back to be waiting ones. */
const mostGiven = 100;

/**
 * A part of the jobs that fit a query: those that run first, then the nearest to now, by when a job ended, was enqueued
 * or is to start. A part ends when it is full or its time is over; what it has found by then it gives in that order.
 * While nothing changes, all parts together have every job that fits once. A job that moves meanwhile may be missed.
 * @throws LovageError `INPUT_INVALID` for a cursor that is none
 */
export async function searchJobs(
  broker: Broker,
  query: JobQuery,
  { limit, cursor, budget = 250 }: SearchOptions,
): Promise<JobPage> {
  let until = performance.now() + budget;
  const begun = cursor === undefined ? undefined : decodeCursor(cursor);
  const at = begun?.at ?? Date.now();
  const given = new Set(begun?.given);
  const mine = new Set<string>();
  const jobs: FoundJob[] = [];
  const give = (match: Match) => {
    mine.add(nameOf(match));
    if (comesBack.has(match.state)) given.add(markOf(match));
    const { delayedAt: _delayedAt, ...job } = match;
    jobs.push(job);
  };

  const sources = await findSources(broker, query);
  const total = begun?.total ?? sources.reduce((sum, { size }) => sum + size, 0);
  const wasGiven = (match: Match) => mine.has(nameOf(match)) || given.has(markOf(match));
  const walks = sources
    .filter(({ name }) => begun === undefined || begun.places[name] !== undefined)
    .map((source) => createWalk(broker, source, { query, at, begun, wasGiven }));
  if (begun === undefined && query.id !== undefined) {
    for (const match of await findExact(broker, query, query.id)) give(match);
    // Who asks for a job by its whole id wants that one; others whose ids begin so are in further parts.
    if (jobs.length > 0) until = 0;
  }

  let took = 0;
  for (let round = 0; jobs.length < limit; round += 1) {
    const best = nearest(walks);
    // When the time is over, what was found is not held back until all that may be nearer has been looked at.
    // Slices double: the next look may take twice as long as the last one did.
    const begin = performance.now();
    const late = round > 0 && begin + 2 * took >= until;
    const behind = late ? [] : walks.filter((walk) => mustGoOn(walk, best, walks));
    // Those first that were looked at least: each has its share of the time.
    const next = behind.toSorted((one, other) => one.looked() - other.looked()).slice(0, atOnce);
    await Promise.all(next.map((walk) => walk.goOn()));
    if (next.length > 0) {
      took = performance.now() - begin;
      continue;
    }
    const found = best?.next();
    if (best === undefined || found === undefined) break;
    best.take();
    if (!mine.has(nameOf(found.match))) give(found.match);
  }

  const looked = (begun?.looked ?? 0) + walks.reduce((sum, walk) => sum + walk.looked(), 0);
  const places: Cursor["places"] = {};
  for (const walk of walks) {
    const place = walk.place();
    if (place !== undefined) places[walk.source.name] = place;
  }
  const over = Object.keys(places).length === 0;
  const next = { at, looked, total, places, given: [...given].slice(-mostGiven) };
  return { jobs, cursor: over ? null : encodeCursor(next), looked, total: Math.max(total, looked) };
}

/** The walk whose next job is nearest to now; the first of them among equals. */
function nearest(walks: readonly Walk[]): Walk | undefined {
  let best: Walk | undefined;
  for (const walk of walks) {
    if (walk.next() === undefined) continue;
    if (best === undefined || walk.bound() < best.bound()) best = walk;
  }
  return best;
}

/** Whether a walk must go on before the best one's job may be given: its own next job may be nearer. */
function mustGoOn(walk: Walk, best: Walk | undefined, walks: readonly Walk[]): boolean {
  if (walk.next() !== undefined || walk.isOver()) return false;
  if (best === undefined || walk.bound() < best.bound()) return true;
  return walk.bound() === best.bound() && walks.indexOf(walk) < walks.indexOf(best);
}

/** The jobs of the very id that is searched for; several queues may have one each. */
async function findExact(broker: Broker, query: JobQuery, id: string): Promise<Match[]> {
  const finds = await Promise.all(
    queuesOf(query.queue).map(async (queue) => {
      const bullState = await broker.queueAt(queue, id).getJobState(id);
      const score =
        bullState === "delayed"
          ? await broker.redis.zscore(broker.keys.at(id).of(queue, "delayed"), id)
          : null;
      return { queue, id, bullState, score: score === null ? undefined : Number(score) };
    }),
  );
  const known = finds.filter(({ bullState }) => bullState !== "unknown");
  return (await readMatches(broker, query, known)).filter((match) => match !== undefined);
}

function nameOf({ queue, id }: { queue: string; id: string }): string {
  return `${queue}:${id}`;
}

/** A short mark of a job, for cursors; two jobs hardly ever share one. */
function markOf(job: { queue: string; id: string; state: JobState }): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(nameOf(job))) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(36);
}
