import type { Outcome } from "../task/execute.ts";

/** How many attempts a worker ended, by outcome. */
export type Tally = Record<Outcome["type"], number>;

export function createTally(): Tally {
  return {
    completed: 0,
    retry: 0,
    failed: 0,
    cancelled: 0,
    expired: 0,
    "handed-back": 0,
    postponed: 0,
    "waiting-children": 0,
  };
}
