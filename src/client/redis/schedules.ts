import { randomUUID } from "node:crypto";
import { LovageError } from "../../core/errors.ts";
import { toExactMoment } from "../../core/moments.ts";
import type { Broker } from "../../queue/broker.ts";
import { prepareScheduled, scheduledId } from "../../queue/firing.ts";
import type { PreparedJob } from "../../queue/producer.ts";
import { armedFor, firingsOf, type ScheduleRecord, toSpec, toView } from "../../queue/schedule-record.ts";
import type { ScheduleView } from "../../queue/schedule-view.ts";
import {
  pauseSchedule,
  putSchedule,
  readSchedule,
  redisNow,
  removeSchedule,
  resumeSchedule,
  walkSchedules,
} from "../../queue/schedules.ts";
import { readSchedule as checkSchedule, type ScheduleOptions } from "../../task/schedule.ts";
import { timesBetween } from "../../task/schedule-times.ts";
import { checkContinuations, checkInput, checkRayCluster } from "../calls.ts";
import type { ScheduleAccess } from "../schedules.ts";
import type { ClientParts, Connection } from "./connection.ts";

/** How many times a backfill makes up for at most, and how many of the next ones are told. */
const most = 1000;

export function createScheduleAccess({ bounded, parts }: Connection): ScheduleAccess {
  const viewOf = async (broker: Broker, name: string) => toView(await readSchedule(broker, name));

  async function specOf({ directory }: ClientParts, task: string, options: ScheduleOptions) {
    const entry = await directory.get(task);
    const schedule = checkSchedule(entry, options);
    const spec = toSpec(schedule, entry);
    // What only the call itself shows to be wrong.
    prepareScheduled({ name: schedule.name, at: 0, spec });
    await checkRayCluster(directory, task, options);
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
    async run(name, options) {
      const ready = await parts();
      const { spec } = await ready.inTime(readSchedule(ready.broker, name));
      const entry = await ready.inTime(ready.directory.get(spec.target.name));
      const input = checkInput(entry, "input" in options ? options.input : spec.input);
      await ready.inTime(checkContinuations(ready.directory, spec.options));
      const at = await ready.inTime(redisNow(ready.broker));
      const { queue, ...job } = prepareScheduled({ name, at, spec: { ...spec, input } });
      // Not a time of the schedule: it must not take the place of one.
      const own = { ...job, queue, opts: { ...job.opts, jobId: randomUUID() } };
      await send(ready, [own]);
      return { id: own.opts.jobId, task: spec.target.name, queue };
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
        await ready.inTime(checkContinuations(ready.directory, spec.options));
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
        await ready.inTime(checkContinuations(ready.directory, spec.options));
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
  const range = { from: toExactMoment(from, "from").getTime(), to: toExactMoment(to, "to").getTime() };
  if (range.to < range.from) throw refused("to", String(to), "it lies before the beginning");
  if (range.to > now)
    throw refused("to", String(to), "it lies in the future; those times come by themselves");
  return range;
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
