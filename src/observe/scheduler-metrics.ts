import { Counter, Gauge, Histogram } from "prom-client";
import type { Metrics } from "./metrics.ts";
import { createNames } from "./worker-metrics.ts";

/** Seconds. A time is kept within a second; what is later than a minute was missed while all schedulers were down. */
const latenessBuckets = [0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600];

/**
 * What a scheduler does, counted: its observer.
 * @param declared the names of the declared schedules; others, which clients made, are told as `other`
 */
export function createSchedulerMetrics({ registry }: Metrics, declared: readonly string[]) {
  const nameOf = createNames(declared);
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Counter({ name, help, labelNames, registers });
  const leader = new Gauge({
    name: "lovage_scheduler_leader",
    help: "1 for the scheduler that acts, 0 for those that stand by.",
    registers,
  });
  const ticks = counter("lovage_scheduler_ticks_total", "How often the scheduler's loop came round.");
  const fired = counter("lovage_schedule_fired_total", "Times for which schedules made a job.", "schedule");
  const skipped = counter(
    "lovage_schedule_skipped_total",
    "Times that passed without a job: missed (all schedulers were down), overlap (the job before had not ended).",
    "schedule",
    "reason",
  );
  const rearmed = counter(
    "lovage_schedule_rearmed_total",
    "Schedules whose next time was wrong and was set anew.",
    "schedule",
  );
  const lateness = new Histogram({
    name: "lovage_schedule_lateness_seconds",
    help: "How long after it was due a time was fired for.",
    labelNames: ["schedule"],
    buckets: latenessBuckets,
    registers,
  });
  const upkeep = counter("lovage_upkeep_total", "What the scheduler's upkeep did, by step.", "step");
  const upkeepFailures = counter("lovage_upkeep_failures_total", "Steps of the upkeep that failed.", "step");
  // A series that begins with its first event hides that event from `increase`.
  for (const schedule of [...declared, "other"]) {
    fired.inc({ schedule }, 0);
    for (const reason of ["missed", "overlap"]) skipped.inc({ schedule, reason }, 0);
    rearmed.inc({ schedule }, 0);
    lateness.zero({ schedule });
  }

  return {
    leader: (acts: boolean): void => leader.set(acts ? 1 : 0),
    ticked: (): void => ticks.inc(),
    /** @param firing.lateness milliseconds */
    fired(firing: { schedule: string; lateness: number }): void {
      const schedule = nameOf(firing.schedule);
      fired.inc({ schedule });
      lateness.observe({ schedule }, Math.max(0, firing.lateness) / 1000);
    },
    skipped: ({ schedule, count, why }: { schedule: string; count: number; why: string }): void =>
      skipped.inc({ schedule: nameOf(schedule), reason: why }, count),
    rearmed: ({ schedule }: { schedule: string }): void => rearmed.inc({ schedule: nameOf(schedule) }),
    upkeep: (step: string, count: number): void => upkeep.inc({ step }, count),
    upkeepFailed: (step: string): void => upkeepFailures.inc({ step }),
  };
}
