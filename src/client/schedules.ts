import { randomUUID } from "node:crypto";
import { LovageError } from "../core/errors.ts";
import type { Broker } from "../queue/broker.ts";
import { prepareScheduled, scheduledId } from "../queue/firing.ts";
import type { PreparedJob } from "../queue/producer.ts";
import { armedFor, firingsOf, type ScheduleRecord, toSpec, toView } from "../queue/schedule-record.ts";
import type { ScheduleView } from "../queue/schedule-view.ts";
import {
  pauseSchedule,
  putSchedule,
  readSchedule,
  redisNow,
  removeSchedule,
  resumeSchedule,
  walkSchedules,
} from "../queue/schedules.ts";
import type { TaskTypes } from "../task/catalogue.ts";
import { readSchedule as checkSchedule, type ScheduleOptions } from "../task/schedule.ts";
import { timesBetween } from "../task/schedule-times.ts";
import type { ClientParts, Connection } from "./connection.ts";
import { handleOf } from "./connection.ts";
import { checkInput } from "./directory.ts";
import { checkContinuations } from "./enqueuing.ts";
import type { JobHandle } from "./handle.ts";

/** One time of a backfill and the job it has. */
export interface BackfilledTime {
  at: Date;
  job: { id: string; queue: string };
  /** The job was there already: the schedule had fired for this time. It is left as it is. */
  existing: boolean;
}

/** When tasks are called again and again. Those declared with a task are changed there; the others here. */
export interface Schedules<Tasks extends TaskTypes = TaskTypes> {
  /** All of them, by name. */
  list(): Promise<ScheduleView[]>;
  /** @throws LovageError `SCHEDULE_NOT_FOUND` */
  get(name: string): Promise<ScheduleView>;
  /**
   * The next times, without jitter; also those of a paused schedule, as if it were resumed now. Fewer where it ends.
   * @param count 1 to 1000, default 5
   * @throws LovageError `SCHEDULE_NOT_FOUND`, `INPUT_INVALID`
   */
  next(name: string, count?: number): Promise<Date[]>;
  /** It fires no more until it is resumed. @throws LovageError `SCHEDULE_NOT_FOUND` */
  pause(name: string, options?: { by?: string; note?: string }): Promise<ScheduleView>;
  /** What passed while it was paused is not made up for. @throws LovageError `SCHEDULE_NOT_FOUND` */
  resume(name: string): Promise<ScheduleView>;
  /**
   * Calls its task now, whatever its overlap policy says, and also while it is paused.
   * @param options.input instead of the schedule's own
   * @throws LovageError `SCHEDULE_NOT_FOUND`, `INPUT_INVALID`, and what enqueuing throws
   */
  run(name: string, options?: { input?: unknown }): Promise<JobHandle>;
  /**
   * Makes the jobs for the times of a range that has passed, both ends included: at most 1000. A time whose job is still
   * there gets no second one, so a backfill may be repeated.
   * @param options.dryRun only tells the times
   * @throws LovageError `SCHEDULE_NOT_FOUND`, `INPUT_INVALID`
   */
  backfill(
    name: string,
    options: { from: Date | string; to: Date | string; dryRun?: boolean },
  ): Promise<BackfilledTime[]>;
  /**
   * Makes a schedule. Its default name is the task's.
   * @throws LovageError `SCHEDULE_EXISTS`, `TASK_UNKNOWN`, `INPUT_INVALID`
   */
  create<Name extends keyof Tasks & string>(
    task: Name,
    options: ScheduleOptions<Tasks[Name]["input"]>,
  ): Promise<ScheduleView>;
  /**
   * Replaces all of what a made schedule says; it stays paused if it was, and its counts go on.
   * @throws LovageError `SCHEDULE_NOT_FOUND`, `SCHEDULE_DECLARED`, `INPUT_INVALID`
   */
  update(name: string, options: Omit<ScheduleOptions, "name">): Promise<ScheduleView>;
  /** Its jobs stay. @throws LovageError `SCHEDULE_NOT_FOUND`, `SCHEDULE_DECLARED` */
  remove(name: string): Promise<void>;
}

/** How many times a backfill makes up for at most, and how many of the next ones are told. */
const most = 1000;

export function createSchedules<Tasks extends TaskTypes>({ bounded, parts }: Connection): Schedules<Tasks> {
  const viewOf = async (broker: Broker, name: string) => toView(await readSchedule(broker, name));

  async function specOf({ directory }: ClientParts, task: string, options: ScheduleOptions) {
    const entry = await directory.get(task);
    const schedule = checkSchedule(entry, options);
    const spec = toSpec(schedule, entry);
    // What only the call itself shows to be wrong.
    prepareScheduled({ name: schedule.name, at: 0, spec });
    return { name: schedule.name, spec };
  }

  async function made(broker: Broker, name: string): Promise<ScheduleRecord> {
    const record = await readSchedule(broker, name);
    if (record.origin === "made") return record;
    throw new LovageError(
      "SCHEDULE_DECLARED",
      `the schedule ${name} is declared with the task ${record.spec.target.name}`,
      {
        field: "name",
        value: name,
        hint: "change it in the task's definition and start the scheduler anew; it can be paused, resumed, run and backfilled here",
      },
    );
  }

  async function send(ready: ClientParts, jobs: readonly PreparedJob[]): Promise<void> {
    await ready.gate?.before(jobs);
    const places = await ready.sender.send(jobs, ready.timeout);
    await ready.gate?.after(jobs, places);
  }

  return {
    list: () =>
      bounded(async ({ broker }) => {
        // One that fires meanwhile moves, and may be met twice.
        const views = new Map<string, ScheduleView>();
        for await (const records of walkSchedules(broker))
          for (const record of records) views.set(record.name, toView(record));
        return [...views.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
      }),
    get: (name) => bounded(({ broker }) => viewOf(broker, name)),
    next: (name, count = 5) =>
      bounded(async ({ broker }) => {
        if (!Number.isInteger(count) || count < 1 || count > most)
          throw refused("count", count, `use a whole number from 1 to ${most}`);
        return nextTimes(await readSchedule(broker, name), await redisNow(broker), count);
      }),
    pause: (name, options = {}) =>
      bounded(async ({ broker }) => {
        await pauseSchedule(broker, name, options);
        return viewOf(broker, name);
      }),
    resume: (name) =>
      bounded(async ({ broker }) => {
        await resumeSchedule(broker, name);
        return viewOf(broker, name);
      }),
    async run(name, options = {}) {
      const ready = await parts();
      const { spec } = await ready.inTime(readSchedule(ready.broker, name));
      const entry = await ready.inTime(ready.directory.get(spec.target.name));
      const input = checkInput(entry, "input" in options ? options.input : spec.input);
      await checkContinuations(ready, spec.options);
      const at = await ready.inTime(redisNow(ready.broker));
      const { queue, ...job } = prepareScheduled({ name, at, spec: { ...spec, input } });
      // Not a time of the schedule: it must not take the place of one.
      const own = { ...job, queue, opts: { ...job.opts, jobId: randomUUID() } };
      await send(ready, [own]);
      return handleOf(ready, { id: own.opts.jobId, task: spec.target.name, queue });
    },
    async backfill(name, { from, to, dryRun = false }) {
      const ready = await parts();
      const { broker } = ready;
      const { spec } = await ready.inTime(readSchedule(broker, name));
      const now = await ready.inTime(redisNow(broker));
      const range = readRange(from, to, now);
      const times = timesBetween(spec, range.from, range.to, most + 1);
      if (times.length > most) {
        throw refused("to", String(to), `the range has more than ${most} times; take a shorter one`);
      }
      const queue = spec.options.queue ?? spec.target.queue;
      const exists = await ready.inTime(
        existing(
          broker,
          queue,
          times.map((at) => scheduledId(name, at)),
        ),
      );
      const found = times.map((at, index) => ({
        at: new Date(at),
        job: { id: scheduledId(name, at), queue },
        existing: exists[index] === true,
      }));
      if (dryRun || times.length === 0) return found;
      const jobs = times.flatMap((at, index) =>
        exists[index] === true ? [] : [prepareScheduled({ name, at, spec })],
      );
      if (jobs.length > 0) await send(ready, jobs);
      return found;
    },
    create: (task, options) =>
      bounded(async (ready) => {
        const { broker } = ready;
        const { name, spec } = await specOf(ready, task, options);
        await checkContinuations(ready, spec.options);
        const outcome = await putSchedule(broker, { origin: "made" }, name, spec, "create", undefined);
        if (outcome !== "exists") return viewOf(broker, name);
        throw new LovageError("SCHEDULE_EXISTS", `there is a schedule ${name} already`, {
          field: "name",
          value: name,
          hint: "choose another name, or update or remove that one",
        });
      }),
    update: (name, options) =>
      bounded(async (ready) => {
        const { broker } = ready;
        const before = await made(broker, name);
        const { spec } = await specOf(ready, before.spec.target.name, { ...options, name });
        await checkContinuations(ready, spec.options);
        await putSchedule(broker, { origin: "made" }, name, spec, "update", before);
        return viewOf(broker, name);
      }),
    remove: (name) =>
      bounded(async ({ broker }) => {
        await made(broker, name);
        await removeSchedule(broker, { origin: "made" }, name);
      }),
  };
}

function nextTimes(record: ScheduleRecord, now: number, count: number): Date[] {
  const times: Date[] = [];
  let fired = firingsOf(record);
  // A time that is due and not yet settled is still to come.
  let armed = record.next === null ? null : { next: record.next };
  armed ??= armedFor(record.name, record.spec, fired, now);
  while (armed !== null && times.length < count) {
    times.push(new Date(armed.next));
    fired += 1;
    armed = armedFor(record.name, record.spec, fired, armed.next);
  }
  return times;
}

function readRange(from: Date | string, to: Date | string, now: number): { from: number; to: number } {
  const range = { from: readMoment("from", from), to: readMoment("to", to) };
  if (range.to < range.from) throw refused("to", String(to), "it lies before the beginning");
  if (range.to > now)
    throw refused("to", String(to), "it lies in the future; those times come by themselves");
  return range;
}

function readMoment(field: string, moment: Date | string): number {
  const at = new Date(moment).getTime();
  if (!Number.isNaN(at)) return at;
  throw refused(field, String(moment), 'use a Date or a text such as "2027-01-31T08:00:00Z"');
}

async function existing({ redis, keys }: Broker, queue: string, ids: readonly string[]): Promise<boolean[]> {
  const pipeline = redis.pipeline();
  for (const id of ids) pipeline.exists(keys.job(queue, id));
  return ((await pipeline.exec()) ?? []).map(([, answer]) => answer === 1);
}

function refused(field: string, value: unknown, hint: string): LovageError {
  return new LovageError("INPUT_INVALID", `${field} is ${JSON.stringify(value)}; ${hint}`, {
    field,
    value,
    hint,
  });
}
