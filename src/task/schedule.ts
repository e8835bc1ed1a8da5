import { CronExpressionParser } from "cron-parser";
import type * as z from "zod";
import { type Duration, toMilliseconds } from "../core/durations.ts";
import { LovageError } from "../core/errors.ts";
import { type CallOptions, callOptionNames, refuseUnknown } from "./call-options.ts";
import { nextTime, type Times } from "./schedule-times.ts";

/**
 * What happens at a time at which the job of an earlier time has not ended. `queue`: one job waits for that end, further
 * times are skipped; `cancel`: the earlier job is cancelled.
 */
export type OverlapPolicy = "allow" | "skip" | "queue" | "cancel";

/**
 * What happens to times that passed while no scheduler ran: none is made up for, the last of them is, or all within a
 * window of so many milliseconds are.
 */
export type MissedPolicy = "skip" | "once" | { within: number };

/** When a task is called again and again, as it is written: exactly one of `every` and `cron`. */
export interface ScheduleOptions<Input = unknown> extends Omit<CallOptions, "delay"> {
  /** Letters, digits, `_`, `-` and dots; unique among all schedules. Default: the task's name. */
  name?: string;
  description?: string;
  /** An interval from "1s" on, counted from `start`, or from 1970 in UTC: "1h" is every full hour. */
  every?: Duration;
  /** Five or six fields (seconds first), or `@daily` and the like. */
  cron?: string;
  /** IANA name of the zone in which `cron` is read. Default "UTC". */
  timeZone?: string;
  /** No time lies before it; a text is ISO 8601. */
  start?: Date | string;
  /** No time lies after it. */
  end?: Date | string;
  /** How often it fires in all. Default: without end. */
  limit?: number;
  /** Each job is enqueued up to so much later, at random. Default: at its time. */
  jitter?: Duration;
  /** The job's input. Default `{}`. */
  input?: Input;
  /** Default "skip". */
  overlap?: OverlapPolicy;
  /** Default "once". */
  missed?: "skip" | "once" | { within: Duration };
}

/** {@link ScheduleOptions} with its defaults; moments and lengths in milliseconds. */
export interface Schedule extends Times {
  name: string;
  description: string;
  limit: number | null;
  jitter: number;
  overlap: OverlapPolicy;
  missed: MissedPolicy;
  input: unknown;
  options: Omit<CallOptions, "delay">;
}

const { delay: _delay, ...enqueueOptionNames } = callOptionNames;

const ownNames = {
  name: true,
  description: true,
  every: true,
  cron: true,
  timeZone: true,
  start: true,
  end: true,
  limit: true,
  jitter: true,
  input: true,
  overlap: true,
  missed: true,
} satisfies Record<Exclude<keyof ScheduleOptions, keyof CallOptions>, true>;

const optionNames: Record<string, true> = { ...ownNames, ...enqueueOptionNames };

export const overlapPolicies = ["allow", "skip", "queue", "cancel"] as const satisfies OverlapPolicy[];

/** The shortest interval, in milliseconds: a job each less is a stream, not a schedule. */
const leastInterval = 1000;

/** The schedules of a task's definition. @throws LovageError `TASK_INVALID` naming the field */
export function readSchedules(
  task: { name: string; input: z.ZodType },
  { schedule, schedules }: { schedule?: ScheduleOptions; schedules?: readonly ScheduleOptions[] },
): readonly Schedule[] {
  if (schedule === undefined && schedules === undefined) return noSchedules;
  const written = [
    ...(schedule === undefined ? [] : [{ field: "schedule", options: schedule }]),
    ...(schedules ?? []).map((options, index) => ({ field: `schedules.${index}`, options })),
  ];
  return Object.freeze(
    written.map(({ field, options }) => {
      try {
        return Object.freeze(readSchedule(task, options));
      } catch (error) {
        if (!(error instanceof LovageError)) throw error;
        const at = error.field === undefined ? field : `${field}.${error.field}`;
        throw new LovageError("TASK_INVALID", `task ${task.name}: ${field}: ${error.message}`, {
          field: at,
          value: error.value,
          hint: error.hint,
        });
      }
    }),
  );
}

const noSchedules: readonly Schedule[] = Object.freeze([]);

/**
 * Reads a schedule and checks its input against the task's schema.
 * @throws LovageError `INPUT_INVALID` naming the field
 */
export function readSchedule(task: { name: string; input: z.ZodType }, options: ScheduleOptions): Schedule {
  refuseUnknown(options, optionNames);
  const { name = task.name, description = "", limit = null, overlap = "skip" } = options;
  if (!/^[A-Za-z0-9_.-]{1,200}$/.test(name)) {
    throw refused("name", name, "use up to 200 letters, digits, _, - and dots");
  }
  if (typeof description !== "string") throw refused("description", description, "write a text");
  if (limit !== null && (!Number.isInteger(limit) || limit < 1)) {
    throw refused("limit", limit, "use a whole number from 1 on");
  }
  if (!overlapPolicies.includes(overlap)) {
    throw refused("overlap", overlap, `use one of ${overlapPolicies.join(", ")}`);
  }
  const times = readTimes(options);
  const jitter = toMilliseconds(options.jitter ?? 0, "jitter");
  if ("every" in times.timing && jitter >= times.timing.every) {
    throw refused("jitter", options.jitter, "use less than the interval, or jobs would change their order");
  }
  return {
    name,
    description,
    ...times,
    limit,
    jitter,
    overlap,
    missed: readMissed(options.missed),
    input: readInput(task, options.input ?? {}),
    options: callOptionsOf(options),
  };
}

function readTimes(options: ScheduleOptions): Times {
  const start = readMoment("start", options.start);
  const end = readMoment("end", options.end);
  if (start !== null && end !== null && end < start) {
    throw refused("end", options.end, "it lies before the start");
  }
  return { timing: readTiming(options), start, end };
}

function readTiming({ every, cron, timeZone }: ScheduleOptions): Times["timing"] {
  if ((every === undefined) === (cron === undefined)) {
    throw refused(
      "every",
      every,
      'give either an interval, every: "1h", or a cron expression, cron: "0 2 * * *"',
    );
  }
  if (every !== undefined) {
    if (timeZone !== undefined) throw refused("timeZone", timeZone, "an interval has none; leave it out");
    const milliseconds = toMilliseconds(every, "every");
    if (milliseconds >= leastInterval) return { every: milliseconds };
    throw refused("every", every, 'the shortest interval is "1s"');
  }
  const zone = timeZone ?? "UTC";
  checkZone(zone);
  checkCron(cron, zone);
  return { cron: cron as string, timeZone: zone };
}

function checkZone(zone: string): void {
  // Known without asking: a process that knows no other zone need not load them.
  if (zone === "UTC") return;
  try {
    // What luxon, under the parser, asks as well; it says less of what is wrong.
    new Intl.DateTimeFormat("en", { timeZone: zone });
  } catch {
    throw refused("timeZone", zone, 'use a name such as "Europe/Berlin" or "UTC"');
  }
}

function checkCron(cron: unknown, zone: string): void {
  const form =
    'write five fields as in "0 2 * * *" (minute, hour, day, month, weekday), six with seconds first, or @daily';
  if (typeof cron !== "string") throw refused("cron", cron, form);
  // The parser fills in what is missing, even of an empty text, and takes H for a random number.
  const fields = cron.trim().split(/\s+/);
  if (!/^@[a-z]+$/.test(cron) && fields.length !== 5 && fields.length !== 6)
    throw refused("cron", cron, form);
  if (/\bH\b/.test(cron)) throw refused("cron", cron, "name a number instead of H");
  try {
    CronExpressionParser.parse(cron, { tz: zone });
  } catch (cause) {
    throw refused("cron", cron, `${(cause as Error).message}; ${form}`);
  }
  const times = { timing: { cron, timeZone: zone }, start: null, end: null };
  if (nextTime(times, Date.now()) === null) throw refused("cron", cron, "it never comes to pass");
}

function readMoment(field: string, moment: Date | string | undefined): number | null {
  if (moment === undefined) return null;
  const at = new Date(moment).getTime();
  if (!Number.isNaN(at)) return at;
  throw refused(field, String(moment), 'use a Date or a text such as "2027-01-31T08:00:00Z"');
}

function readMissed(missed: ScheduleOptions["missed"] = "once"): MissedPolicy {
  if (missed === "skip" || missed === "once") return missed;
  if (typeof missed !== "object" || missed === null || !("within" in missed)) {
    throw refused("missed", missed, 'use "skip", "once" or { within: "6h" }');
  }
  return { within: toMilliseconds(missed.within, "missed.within") };
}

function readInput({ name, input: schema }: { name: string; input: z.ZodType }, input: unknown): unknown {
  const result = schema.safeParse(input, { reportInput: true });
  if (result.success) return input;
  const [first] = result.error.issues;
  const path = ["input", ...(first?.path ?? [])].join(".");
  throw new LovageError("INPUT_INVALID", `the input does not fit ${name}: ${path}: ${first?.message}`, {
    field: path,
    value: first?.input,
    hint: `give an input that the task's schema accepts`,
  });
}

function callOptionsOf(options: ScheduleOptions): Schedule["options"] {
  return Object.fromEntries(
    Object.entries(options).filter(([name, value]) => name in enqueueOptionNames && value !== undefined),
  );
}

function refused(field: string, value: unknown, hint: string): LovageError {
  return new LovageError("INPUT_INVALID", `${field} is ${JSON.stringify(value) ?? "not given"}; ${hint}`, {
    field,
    value,
    hint,
  });
}
