import { createHash } from "node:crypto";
import * as z from "zod";
import { parseJson } from "../core/json.ts";
import type { Broker } from "./broker.ts";
import type { JobPlace } from "./idempotency.ts";
import { type PreparedJob, prepareJob } from "./producer.ts";
import { armedFor, firingsOf, type ScheduleRecord, type ScheduleSpec, Spec } from "./schedule-record.ts";
import { momentTexts } from "./schedules.ts";

/** A firing that was claimed and whose job is still to be added. */
export interface Firing {
  /** The schedule's. */
  name: string;
  /** The time it is for. */
  at: number;
  /** When it was claimed, and how many milliseconds late. */
  firedAt: number;
  lateness: number;
  spec: Pick<ScheduleSpec, "target" | "input" | "options">;
  /** The earlier job, which is cancelled first. */
  cancels?: JobPlace;
}

const Firing = z.object({
  name: z.string(),
  at: z.number(),
  firedAt: z.number(),
  lateness: z.number(),
  spec: Spec.pick({ target: true, input: true, options: true }),
  cancels: z.object({ queue: z.string(), id: z.string() }).optional(),
});

/** Undefined for a text that is none. */
export function readFiring(text: string): Firing | undefined {
  return Firing.safeParse(parseJson(text)).data as Firing | undefined;
}

/** What is decided for a schedule that is due. */
export interface Decision {
  /** The time to fire for; null: none. */
  fire: number | null;
  /** The time that waits for the earlier job's end. */
  queue: number | null;
  /** How many times are passed over. */
  skipped: number;
  /** The last time that this settles. */
  settled: number;
  cancels?: JobPlace;
}

/**
 * The id of the job for a time: the same whoever fires, so that no second job is made while the first is there. Names
 * may be as long as an id may be.
 */
export function scheduledId(name: string, at: number): string {
  const time = new Date(at).toISOString().replaceAll(/[-:]|\.000/g, "");
  const id = `${name}~${time}`;
  if (id.length <= 128) return id;
  return `${createHash("sha256").update(name).digest("hex").slice(0, 40)}~${time}`;
}

/** The call that a schedule makes, as a job. @throws LovageError `INPUT_INVALID`, `DATA_TOO_LARGE` */
export function prepareScheduled({
  name,
  at,
  spec,
  firedAt,
}: Pick<Firing, "name" | "at" | "spec"> & Partial<Pick<Firing, "firedAt">>): PreparedJob {
  const metadata = { ...spec.options.metadata, schedule: { name, at: new Date(at).toISOString() } };
  return prepareJob(spec.target, spec.input, { ...spec.options, metadata }, scheduledId(name, at), firedAt);
}

/**
 * Moves a schedule on and notes what is to be done, in one step.
 * @returns whether it did: not when the schedule changed, or another scheduler acts
 */
export async function settle(
  { redis, keys }: Broker,
  term: number,
  record: ScheduleRecord,
  { fire, queue, skipped, settled, cancels }: Decision,
  now: number,
): Promise<boolean> {
  const { name, spec, next, due } = record;
  const used = firingsOf(record) + (fire === null && queue === null ? 0 : 1);
  const armed = armedFor(name, spec, used, settled);
  const answer = await redis.lovageScheduleFire(
    keys.schedulerLease,
    keys.schedules,
    keys.schedule(name),
    keys.scheduleFirings,
    keys.schedulesQueued,
    String(term),
    name,
    String(next ?? ""),
    ...momentTexts(armed),
    String(skipped),
    String(queue ?? ""),
    ...(fire === null ? ["", ""] : firingTexts(record, fire, now, latenessOf(record, fire, now), cancels)),
    String(due ?? 0),
  );
  return answer === 1;
}

/** Fires for the time that waited. @returns whether it did */
export async function settleQueued(
  { redis, keys }: Broker,
  term: number,
  record: ScheduleRecord,
  at: number,
  now: number,
): Promise<boolean> {
  const answer = await redis.lovageScheduleFireQueued(
    keys.schedulerLease,
    keys.schedules,
    keys.schedule(record.name),
    keys.scheduleFirings,
    keys.schedulesQueued,
    String(term),
    record.name,
    String(at),
    // It waited for its turn, not for the scheduler.
    ...firingTexts(record, at, now, 0),
  );
  return answer === 1;
}

/** Arms a schedule whose next time is wrong. @returns whether it did */
export async function rearm(
  { redis, keys }: Broker,
  term: number,
  { name, next }: ScheduleRecord,
  armed: { next: number; due: number } | null,
): Promise<boolean> {
  const answer = await redis.lovageScheduleRearm(
    keys.schedulerLease,
    keys.schedules,
    keys.schedule(name),
    String(term),
    name,
    String(next ?? ""),
    ...momentTexts(armed),
  );
  return answer === 1;
}

/** How many milliseconds after the moment from which it was due a time is fired for. */
export function latenessOf({ next, due }: ScheduleRecord, at: number, now: number): number {
  return Math.max(0, now - (at === next ? (due ?? at) : at));
}

function firingTexts(
  record: ScheduleRecord,
  at: number,
  now: number,
  lateness: number,
  cancels?: JobPlace,
): [id: string, firing: string] {
  const { name, spec } = record;
  const { target, input, options } = spec;
  const firing: Firing = { name, at, firedAt: now, lateness, spec: { target, input, options } };
  return [scheduledId(name, at), JSON.stringify(cancels === undefined ? firing : { ...firing, cancels })];
}
