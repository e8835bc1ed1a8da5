import { canonicalJson } from "../core/canonical-json.ts";
import { LovageError } from "../core/errors.ts";
import { suggestion } from "../core/suggestion.ts";
import type { Broker } from "./broker.ts";
import {
  armedFor,
  firingsOf,
  readRecord,
  type ScheduleRecord,
  type ScheduleSpec,
  timingText,
} from "./schedule-record.ts";

/** How many schedules are read in one round trip. */
const page = 500;

/** Milliseconds since 1970 by Redis' clock: the only one that all schedulers share. */
export async function redisNow({ redis }: Pick<Broker, "redis">): Promise<number> {
  const [seconds, microseconds] = await redis.time();
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
}

/** All schedules, in pages, by the moment at which they are due. */
export async function* walkSchedules(broker: Broker): AsyncGenerator<ScheduleRecord[]> {
  for (let from = 0; ; from += page) {
    const names = await broker.redis.zrange(broker.keys.schedules, String(from), String(from + page - 1));
    if (names.length > 0) yield await readSchedules(broker, names.map(String));
    if (names.length < page) return;
  }
}

/** Those that are due now, the longest due first; at most so many. */
export async function dueSchedules(broker: Broker, now: number, most: number): Promise<ScheduleRecord[]> {
  const { redis, keys } = broker;
  const names = await redis.zrangebyscore(keys.schedules, "-inf", now, "LIMIT", 0, most);
  const records = await readSchedules(broker, names);
  if (records.length < names.length) {
    // Names of schedules that are gone would stand before all others for ever.
    for (const name of names) await redis.lovageScheduleForget(keys.schedules, keys.schedule(name), name);
  }
  return records;
}

/** The moment at which the next one is due; null when none is armed. */
export async function nextDue({ redis, keys }: Broker): Promise<number | null> {
  const [, score] = await redis.zrangebyscore(keys.schedules, "-inf", "(+inf", "WITHSCORES", "LIMIT", 0, 1);
  return score === undefined ? null : Number(score);
}

/** Those of which a time waits for the end of an earlier job. */
export async function queuedSchedules(broker: Broker): Promise<ScheduleRecord[]> {
  return readSchedules(broker, await broker.redis.smembers(broker.keys.schedulesQueued));
}

export async function readSchedules(broker: Broker, names: readonly string[]): Promise<ScheduleRecord[]> {
  if (names.length === 0) return [];
  const pipeline = broker.redis.pipeline();
  for (const name of names) {
    pipeline.hgetall(broker.keys.schedule(name));
    pipeline.zscore(broker.keys.schedules, name);
  }
  const answers = (await pipeline.exec()) ?? [];
  return names.flatMap((name, index) => {
    const hash = (answers[index * 2]?.[1] ?? {}) as Record<string, string>;
    const score = (answers[index * 2 + 1]?.[1] ?? null) as string | null;
    const record = readRecord(name, hash, score);
    return record === undefined ? [] : [record];
  });
}

/** @throws LovageError `SCHEDULE_NOT_FOUND`, with the nearest name as a suggestion */
export async function readSchedule(broker: Broker, name: string): Promise<ScheduleRecord> {
  const [record] = await readSchedules(broker, [name]);
  if (record !== undefined) return record;
  // Names are few thousands at most, and this is a person's mistake.
  const known = (await broker.redis.zrange(broker.keys.schedules, "0", "4999")).map(String);
  const near = suggestion(name, known);
  throw new LovageError("SCHEDULE_NOT_FOUND", `no schedule is named ${JSON.stringify(name)}`, {
    field: "name",
    value: name,
    hint:
      near !== undefined
        ? `did you mean ${near}?`
        : known.length === 0
          ? "there is none yet: a scheduler publishes those that are declared (`lovage scheduler`)"
          : `there are: ${known.slice(0, 20).join(", ")}`,
  });
}

export type PutOutcome = "created" | "changed" | "timed" | "same" | "not-acting" | "exists" | "missing";

const outcomes: Record<number, PutOutcome> = {
  0: "same",
  1: "created",
  2: "changed",
  3: "timed",
  [-1]: "not-acting",
  [-2]: "exists",
  [-3]: "missing",
};

/**
 * Writes a schedule; its next time is reckoned anew where it is new or its timing changed.
 * @param who the term of the acting scheduler, which writes what is declared; none: a client, which makes one
 * @param before the schedule as it stands, if it does
 */
export async function putSchedule(
  broker: Broker,
  who: { term: number; origin: "declared" } | { origin: "made" },
  name: string,
  spec: ScheduleSpec,
  mode: "create" | "update" | "either",
  before: ScheduleRecord | undefined,
): Promise<PutOutcome> {
  const { redis, keys } = broker;
  const armed = armedFor(name, spec, before ? firingsOf(before) : 0, await redisNow(broker));
  const answer = await redis.lovageSchedulePut(
    keys.schedulerLease,
    keys.schedules,
    keys.schedule(name),
    "term" in who ? String(who.term) : "",
    name,
    who.origin,
    mode,
    canonicalJson(spec),
    timingText(spec),
    ...momentTexts(armed),
    keys.scheduleChanges,
  );
  return outcomes[answer] ?? "same";
}

/** @returns whether it was there, and of that origin */
export async function removeSchedule(
  { redis, keys }: Broker,
  who: { term: number; origin: "declared" } | { origin: "made" },
  name: string,
): Promise<boolean> {
  const term = "term" in who ? String(who.term) : "";
  const places = [keys.schedulerLease, keys.schedules, keys.schedule(name), keys.schedulesQueued];
  return (await redis.lovageScheduleRemove(...places, term, name, who.origin, keys.scheduleChanges)) === 1;
}

/** @throws LovageError `SCHEDULE_NOT_FOUND` */
export async function pauseSchedule(
  broker: Broker,
  name: string,
  { by = null, note = null }: { by?: string | null; note?: string | null },
): Promise<void> {
  const { redis, keys } = broker;
  const paused = JSON.stringify({ at: await redisNow(broker), by, note });
  const places = [keys.schedulerLease, keys.schedules, keys.schedule(name)];
  const found = await redis.lovageSchedulePause(...places, name, paused, keys.scheduleChanges);
  if (found === 0) await readSchedule(broker, name);
}

/** Lets a paused schedule fire again, from its next time on: what passed meanwhile was not missed. @throws LovageError `SCHEDULE_NOT_FOUND` */
export async function resumeSchedule(broker: Broker, name: string): Promise<void> {
  const { redis, keys } = broker;
  for (;;) {
    const record = await readSchedule(broker, name);
    const { spec, timing } = record;
    const armed = armedFor(name, spec, firingsOf(record), await redisNow(broker));
    const places = [keys.schedulerLease, keys.schedules, keys.schedule(name)];
    const given = [name, timing, ...momentTexts(armed), keys.scheduleChanges];
    // Changed in between: it is read anew.
    if ((await redis.lovageScheduleResume(...places, ...given)) !== 3) return;
  }
}

/** The next time and its due moment as the scripts take them. */
export function momentTexts(armed: { next: number; due: number } | null): [string, string] {
  return armed === null ? ["", ""] : [String(armed.next), String(armed.due)];
}
