/** A firing as an observer hears of it. */
export interface FiredSchedule {
  schedule: string;
  task: string;
  /** The time it was for, in milliseconds since 1970. */
  at: number;
  /** Milliseconds from the moment it was due to its claim. */
  lateness: number;
}

/** Hears of what a scheduler does, such as for metrics. What it throws is no concern of the scheduler's. */
export interface SchedulerObserver {
  fired?(firing: FiredSchedule): void;
  /** A firing that was so late that it is worth a warning. */
  late?(firing: FiredSchedule): void;
  /** Times that passed without a job. */
  skipped?(skip: {
    schedule: string;
    task: string;
    count: number;
    why: "missed" | "overlap" | "refused";
  }): void;
  /** A schedule whose next time was wrong. */
  rearmed?(schedule: { schedule: string; task: string }): void;
  /** Whether this scheduler acts from now on. */
  leader?(acts: boolean): void;
  /** The loop came round, whether or not there was something to do: each minute at the least. */
  ticked?(): void;
  /** A step of the upkeep, and how many things it did. */
  upkeep?(step: string, count: number): void;
  /** A step of the upkeep that failed. */
  upkeepFailed?(step: string): void;
}
