import { type Duration, toMilliseconds } from "../core/durations.ts";

/** Time that stands still until a test moves it. Node's own timers and `Date.now` are not touched. */
export interface TestClock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Moves on, step by step: whatever falls due on the way is done, at its time, before the promise resolves. */
  advance(by: Duration): Promise<void>;
  /** Has something done once the clock reaches a time; the result takes it back. */
  at(time: number, act: () => unknown): () => void;
}

/** @param start where the clock stands at first; default: now */
export function createClock(start: Date | string = new Date()): TestClock {
  let now = new Date(start).getTime();
  const due = new Set<{ time: number; act: () => unknown }>();

  function nextUntil(time: number) {
    return [...due].filter((entry) => entry.time <= time).sort((a, b) => a.time - b.time)[0];
  }

  return {
    now: () => now,
    async advance(by) {
      const end = now + toMilliseconds(by, "advance");
      for (let entry = nextUntil(end); entry !== undefined; entry = nextUntil(end)) {
        due.delete(entry);
        now = Math.max(now, entry.time);
        await entry.act();
      }
      // What fell due may have moved the clock itself.
      now = Math.max(now, end);
    },
    at(time, act) {
      const entry = { time, act };
      due.add(entry);
      return () => due.delete(entry);
    },
  };
}
