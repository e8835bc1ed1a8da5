import { Counter, Gauge, Histogram } from "prom-client";
import type { Metrics } from "./metrics.ts";
import { createNames } from "./worker-metrics.ts";

/** Seconds. A schedule is looked at within a second; what is later than a minute was missed while all was down. */
const latenessBuckets = [0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600];

/** What a scheduler does, counted. Schedules that are not declared are told as `other`. */
export function createSchedulerMetrics(
  { registry, beforeScrape }: Metrics,
  parts: {
    /** The names of the declared schedules. */
    schedules: readonly string[];
    /** Whether this scheduler is the one that acts. */
    leads(): boolean;
  },
) {
  const nameOf = createNames(parts.schedules);
  const registers = [registry];
  const leader = new Gauge({
    name: "lovage_scheduler_leader",
    help: "1 for the scheduler that acts, 0 for those that stand by.",
    registers,
  });
  const counter = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Counter({ name, help, labelNames, registers });
  const fired = counter("lovage_schedule_fired_total", "Jobs that schedules made.", "schedule");
  const skipped = counter(
    "lovage_schedule_skipped_total",
    "Times that made no job: `missed` while all was down, `overlap` with the one before.",
    "schedule",
    "reason",
  );
  const rearmed = counter(
    "lovage_schedule_rearmed_total",
    "Schedules whose next time lay in the past and was set anew.",
    "schedule",
  );
  const lateness = new Histogram({
    name: "lovage_schedule_lateness_seconds",
    help: "How long after its time a schedule made its job.",
    labelNames: ["schedule"],
    buckets: latenessBuckets,
    registers,
  });
  for (const schedule of parts.schedules) {
    fired.inc({ schedule }, 0);
    rearmed.inc({ schedule }, 0);
  }
  beforeScrape(() => leader.set(parts.leads() ? 1 : 0));

  return {
    /** @param late milliseconds after its time */
    fired(schedule: string, late: number): void {
      fired.inc({ schedule: nameOf(schedule) });
      lateness.observe({ schedule: nameOf(schedule) }, Math.max(0, late) / 1000);
    },
    skipped: (schedule: string, reason: string): void => skipped.inc({ schedule: nameOf(schedule), reason }),
    rearmed: (schedule: string): void => rearmed.inc({ schedule: nameOf(schedule) }),
  };
}
