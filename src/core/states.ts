/** The states of a job. `scheduled` waits for a time, `waiting-children` for the calls of a workflow. */
export const jobStates = [
  "waiting",
  "scheduled",
  "active",
  "waiting-children",
  "completed",
  "failed",
  "cancelled",
  "expired",
] as const;

export type JobState = (typeof jobStates)[number];

/** Whether a job in this state has ended for good. */
export function isEnded(state: JobState): boolean {
  return state === "completed" || state === "failed" || state === "cancelled" || state === "expired";
}
