import * as z from "zod";
import { canonicalJson } from "../core/canonical-json.ts";
import { parseJson } from "../core/json.ts";
import type { Schedule } from "../task/schedule.ts";
import { jitterOf, nextTime } from "../task/schedule-times.ts";
import type { Target } from "./producer.ts";
import type { ScheduleView } from "./schedule-view.ts";

/** What a schedule says, as Redis keeps it: whoever fires it needs no catalogue. */
export const Spec = z.object({
  target: z.object({
    name: z.string(),
    queue: z.string(),
    retry: z.object({ attempts: z.number() }),
    kind: z.enum(["task", "ray", "workflow"]).optional(),
  }),
  description: z.string(),
  timing: z.union([
    z.object({ every: z.number().min(1) }),
    z.object({ cron: z.string(), timeZone: z.string() }),
  ]),
  start: z.number().nullable(),
  end: z.number().nullable(),
  limit: z.number().nullable(),
  jitter: z.number(),
  overlap: z.enum(["allow", "skip", "queue", "cancel"]),
  missed: z.union([z.enum(["skip", "once"]), z.object({ within: z.number() })]),
  input: z.unknown(),
  /** Options of its calls, as the caller wrote them. */
  options: z.record(z.string(), z.unknown()),
});

export interface ScheduleSpec extends Omit<Schedule, "name"> {
  target: Target;
}

const Last = z.object({ at: z.number(), firedAt: z.number(), id: z.string(), queue: z.string() });
const Paused = z.object({ at: z.number(), by: z.string().nullable(), note: z.string().nullable() });

/** A schedule and how it stands; moments are milliseconds since 1970 by Redis' clock. */
export interface ScheduleRecord {
  name: string;
  origin: "declared" | "made";
  spec: ScheduleSpec;
  /** The text under which the timing is kept: it tells whether that changed. */
  timing: string;
  /** Null when it is not armed: it is paused or will not fire again. */
  next: number | null;
  /** The moment from which `next` is due: with its jitter. */
  due: number | null;
  /** Where the index has it; null when it is not armed there. */
  indexed: number | null;
  /** A time that waits for the end of an earlier job. */
  queued: number | null;
  last: z.infer<typeof Last> | null;
  paused: z.infer<typeof Paused> | null;
  fired: number;
  skipped: number;
  lateness: number;
  rearmed: number;
}

export function toSpec({ name: _name, ...schedule }: Schedule, target: Target): ScheduleSpec {
  const { name, queue, retry, kind } = target;
  return { ...schedule, target: { name, queue, retry: { attempts: retry.attempts }, ...(kind && { kind }) } };
}

/** What decides over the times of a schedule, as a text. */
export function timingText({ timing, start, end, limit, jitter }: ScheduleSpec): string {
  return canonicalJson({ timing, start, end, limit, jitter });
}

/** How many firings of its limit a schedule has used up: a time that waits will fire. */
export function firingsOf({ fired, queued }: Pick<ScheduleRecord, "fired" | "queued">): number {
  return fired + (queued === null ? 0 : 1);
}

/** The next time after a moment, as far as the limit allows, and the moment from which it is due. */
export function armedFor(
  name: string,
  spec: ScheduleSpec,
  fired: number,
  after: number,
): { next: number; due: number } | null {
  if (spec.limit !== null && fired >= spec.limit) return null;
  const next = nextTime(spec, after);
  return next === null ? null : { next, due: next + jitterOf(name, next, spec.jitter) };
}

/** Undefined for a hash that is none, or that a newer release wrote in another form. */
export function readRecord(
  name: string,
  hash: Record<string, string>,
  score: string | null,
): ScheduleRecord | undefined {
  const spec = Spec.safeParse(parseJson(hash["spec"] ?? ""));
  const origin = hash["origin"];
  if (!spec.success || (origin !== "declared" && origin !== "made")) return undefined;
  const count = (field: string) => Number(hash[field] ?? 0);
  return {
    name,
    origin,
    spec: spec.data as ScheduleSpec,
    timing: hash["timing"] ?? "",
    next: toMoment(hash["next"]),
    due: toMoment(hash["due"]),
    indexed: score === null || score === "inf" ? null : Number(score),
    queued: toMoment(hash["queued"]),
    last: Last.safeParse(parseJson(hash["last"] ?? "")).data ?? null,
    paused: Paused.safeParse(parseJson(hash["paused"] ?? "")).data ?? null,
    fired: count("fired"),
    skipped: count("skipped"),
    lateness: count("lateness"),
    rearmed: count("rearmed"),
  };
}

function toMoment(text: string | undefined): number | null {
  return text === undefined || text === "" ? null : Number(text);
}

export function toView({ name, origin, spec, next, last, paused, ...counts }: ScheduleRecord): ScheduleView {
  const date = (at: number | null) => (at === null ? null : new Date(at));
  return {
    name,
    task: spec.target.name,
    queue: spec.options.queue ?? spec.target.queue,
    description: spec.description,
    origin,
    timing: spec.timing,
    starts: date(spec.start),
    ends: date(spec.end),
    limit: spec.limit,
    jitter: spec.jitter,
    overlap: spec.overlap,
    missed: spec.missed,
    input: spec.input,
    next: date(next),
    last: last && {
      at: new Date(last.at),
      firedAt: new Date(last.firedAt),
      job: { id: last.id, queue: last.queue },
    },
    paused: paused && { ...paused, at: new Date(paused.at) },
    fired: counts.fired,
    skipped: counts.skipped,
    lateness: counts.lateness,
    rearmed: counts.rearmed,
  };
}
