import { randomUUID } from "node:crypto";
import * as z from "zod";
import { parseJson } from "../core/json.ts";
import type { Broker } from "./broker.ts";
import { createRedisClock, type RedisClock } from "./redis-clock.ts";

/** How often a worker writes its beat, in milliseconds. */
export const beatInterval = 2000;

/** A worker that has written no beat for so long counts as dead, in milliseconds. */
export const silentAfter = 10_000;

/** A dead worker is named for so long, in milliseconds; then it is forgotten. */
export const forgottenAfter = 3_600_000;

const Beat = z.object({
  host: z.string(),
  pid: z.number(),
  version: z.string(),
  /** When this was said, in milliseconds since 1970 by the worker's own clock, as all moments here. */
  at: z.number(),
  startedAt: z.number(),
  queues: z.array(
    z.object({
      name: z.string(),
      concurrency: z.number(),
      active: z.number(),
      /** When it last took a job of this queue; null: never. */
      takenAt: z.number().nullable(),
      paused: z.boolean(),
    }),
  ),
  completed: z.number(),
  /** Jobs that failed for good. */
  failed: z.number(),
  /** Attempts that failed and were followed by another. */
  retried: z.number(),
  /** How late the event loop was at most within the last ten seconds, in milliseconds. */
  lag: z.number(),
  /** Bytes of memory the process holds. */
  rss: z.number(),
  stopping: z.boolean(),
  /** The Ray clusters that it knows, and the state of its breaker of each; an earlier release does not say. */
  rayClusters: z.record(z.string(), z.enum(["closed", "open", "half-open"])).optional(),
});

/** What a worker says of itself every two seconds. */
export type WorkerBeat = z.infer<typeof Beat>;

/** A worker as the registry knows it. */
export interface WorkerRecord extends WorkerBeat {
  name: string;
  /** One run of one worker's process. */
  instance: string;
  /** Milliseconds since its last beat, by Redis' clock. */
  age: number;
}

/** A worker's place in the registry. */
export interface Registration {
  readonly instance: string;
  /** The name it has there; another than it wished for while a live worker has that. */
  readonly name: string;
  /** Milliseconds by which Redis' clock is ahead of this machine's. */
  readonly clockOffset: number;
  /** @returns whether its name had to change */
  beat(beat: WorkerBeat): Promise<boolean>;
  /** Gives the name up. */
  leave(): Promise<void>;
}

/**
 * A name is one live worker's: a second one gets `-2` and so on behind it. Whose process is gone from this very machine
 * needs no ten seconds to count as dead, so a worker that is started again keeps its name.
 */
export function createRegistration(
  broker: Broker,
  wanted: string,
  clock: RedisClock = createRedisClock(),
): Registration {
  const { redis, keys } = broker;
  const instance = randomUUID();
  let name = wanted;
  let registered = false;

  async function write(candidate: string, beat: WorkerBeat, replaces: string): Promise<boolean> {
    const asked = performance.now();
    const now = await redis.lovageBeat(
      keys.workers,
      candidate,
      instance,
      replaces,
      silentAfter,
      JSON.stringify(beat),
    );
    if (now > 0) clock.hear(now, asked, performance.now());
    return now > 0;
  }

  async function findName(beat: WorkerBeat): Promise<string> {
    for (let number = 1; ; number += 1) {
      const candidate = number === 1 ? wanted : `${wanted}-${number}`;
      const known = toRecord(candidate, await redis.hget(keys.workers, candidate), 0);
      // Only at its start: two on one machine that cannot see each other's processes would take turns for ever.
      const dead = !registered && known?.host === beat.host && !isRunning(known);
      if (await write(candidate, beat, dead ? known.instance : instance)) return candidate;
    }
  }

  return {
    instance,
    get name() {
      return name;
    },
    get clockOffset() {
      return clock.offset();
    },
    async beat(beat) {
      // A worker that slept too long may find its name taken, and must not take it back.
      if (registered && (await write(name, beat, instance))) return false;
      const before = name;
      name = await findName(beat);
      registered = true;
      return name !== before;
    },
    async leave() {
      if (registered) await redis.lovageForget(keys.workers, name, instance);
    },
  };
}

/** All workers that are not forgotten, by name. */
export async function readRegistry({ redis, keys }: Broker): Promise<WorkerRecord[]> {
  const [beats, [seconds, microseconds]] = await Promise.all([redis.hgetall(keys.workers), redis.time()]);
  const now = Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
  const records: WorkerRecord[] = [];
  for (const name of Object.keys(beats).sort()) {
    const record = toRecord(name, beats[name] ?? null, now);
    if (record === undefined) continue;
    if (record.age < forgottenAfter) records.push(record);
    else await redis.lovageForget(keys.workers, name, record.instance);
  }
  return records;
}

/** Forgets the workers that have been dead for long, as whoever reads the registry does. @returns how many */
export async function forgetDeadWorkers(broker: Broker): Promise<number> {
  const before = await broker.redis.hlen(broker.keys.workers);
  await readRegistry(broker);
  return Math.max(0, before - (await broker.redis.hlen(broker.keys.workers)));
}

/** Takes a dead worker out of the registry; a live one comes back with its next beat. */
export async function forgetWorker({ redis, keys }: Broker, record: WorkerRecord): Promise<boolean> {
  return (await redis.lovageForget(keys.workers, record.name, record.instance)) === 1;
}

function toRecord(name: string, stored: string | null, now: number): WorkerRecord | undefined {
  const [, at = "", instance = "", json = ""] = /^(\d+) (\S+) (.*)$/s.exec(stored ?? "") ?? [];
  const beat = Beat.safeParse(parseJson(json));
  // A worker of another release may write another beat; who cannot be read cannot be shown.
  if (!beat.success) return undefined;
  return { ...beat.data, name, instance, age: Math.max(0, now - Number(at)) };
}

function isRunning({ pid, startedAt }: WorkerRecord): boolean {
  // A container that is started again has the same process id each time.
  if (pid === process.pid) return startedAt >= Date.now() - process.uptime() * 1000 - 1000;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
