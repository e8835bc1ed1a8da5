import { canonicalJson } from "../core/canonical-json.ts";
import { LovageError } from "../core/errors.ts";
import type { Logger } from "../observe/logger.ts";
import type { Broker } from "../queue/broker.ts";
import { prepareScheduled } from "../queue/firing.ts";
import { type ScheduleRecord, type ScheduleSpec, timingText, toSpec } from "../queue/schedule-record.ts";
import { putSchedule, removeSchedule, walkSchedules } from "../queue/schedules.ts";
import { type Catalogue, kindOf } from "../task/catalogue.ts";

/**
 * The schedules that a catalogue declares, by name.
 * @throws LovageError `TASK_INVALID` for call options or an input that no call may have
 */
export function declaredSchedules(catalogue: Catalogue): Map<string, ScheduleSpec> {
  const declared = new Map<string, ScheduleSpec>();
  for (const task of catalogue.tasks) {
    const target = { name: task.name, queue: task.queue, retry: task.retry, kind: kindOf(task) };
    for (const schedule of task.schedules) {
      const spec = toSpec(schedule, target);
      try {
        prepareScheduled({ name: schedule.name, at: 0, spec });
      } catch (error) {
        if (!(error instanceof LovageError)) throw error;
        const message = `task ${task.name}: schedule ${schedule.name}: ${error.message}`;
        const { field, value, hint } = error;
        throw new LovageError("TASK_INVALID", message, { field: `schedule.${field}`, value, hint });
      }
      declared.set(schedule.name, spec);
    }
  }
  return declared;
}

/** Makes the declared schedules in Redis those of the catalogue; what others made is left alone, and so is a pause. */
export async function reconcile(
  broker: Broker,
  term: number,
  declared: ReadonlyMap<string, ScheduleSpec>,
  logger: Logger,
): Promise<void> {
  const who = { term, origin: "declared" } as const;
  const found = new Map<string, ScheduleRecord>();
  for await (const records of walkSchedules(broker))
    for (const record of records) found.set(record.name, record);
  for (const [name, spec] of declared) {
    const before = found.get(name);
    if (before?.origin === "declared" && isSame(before, spec)) continue;
    const outcome = await putSchedule(broker, who, name, spec, "either", before);
    if (outcome === "not-acting") return;
    if (outcome === "exists") {
      logger.error(
        { schedule: name, task: spec.target.name },
        "a schedule of this name was made by hand; the declared one does not fire until that is removed",
      );
    } else if (outcome !== "same") {
      logger.info({ schedule: name, task: spec.target.name }, `the schedule is ${words[outcome] ?? outcome}`);
    }
  }
  for (const { name, origin } of found.values()) {
    if (origin !== "declared" || declared.has(name)) continue;
    if (await removeSchedule(broker, who, name)) {
      logger.info({ schedule: name }, "the schedule is removed: no task declares it any more");
    }
  }
}

const words: Record<string, string> = {
  created: "new",
  changed: "changed",
  timed: "changed, and its next time with it",
};

function isSame(before: ScheduleRecord, spec: ScheduleSpec): boolean {
  return before.timing === timingText(spec) && canonicalJson(before.spec) === canonicalJson(spec);
}
