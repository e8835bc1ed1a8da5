import type { LazyAborter } from "../core/abort.ts";
import { formatMilliseconds } from "../core/durations.ts";
import { LovageError } from "../core/errors.ts";
import type { TimeLimits } from "./limits.ts";

/** The two signals of an attempt: what its task hears, and what ends the attempt whatever the task does. */
export interface AttemptSignals {
  readonly task: AbortSignal;
  readonly end: AbortSignal;
  /** What to wait for instead of `end`, where one may: no signal is made then. */
  readonly over: AbortSignal | LazyAborter;
  /** Ends the timers. */
  clear(): void;
}

/** Node takes a longer timer for one of 1 ms. */
const longestTimer = 2 ** 31 - 1;

/** Those of an attempt without limits of its own. */
export class UnlimitedSignals implements AttemptSignals {
  readonly #delivery: { readonly signal: AbortSignal };
  readonly over: AbortSignal | LazyAborter;

  constructor(delivery: { readonly signal: AbortSignal; readonly aborter?: LazyAborter }) {
    this.#delivery = delivery;
    this.over = delivery.aborter ?? delivery.signal;
  }

  get task(): AbortSignal {
    return this.#delivery.signal;
  }

  get end(): AbortSignal {
    return this.#delivery.signal;
  }

  clear(): void {}
}

/** @param elapsed milliseconds of the hard limit that are over already */
export function limitTime(signal: AbortSignal, { soft, hard }: TimeLimits, elapsed = 0): AttemptSignals {
  const task = new AbortController();
  const end = new AbortController();
  const endBoth = (reason: unknown) => {
    end.abort(reason);
    task.abort(reason);
  };
  const onAbort = () => endBoth(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  const timers = [
    after(soft, () => task.abort(exceeded("SOFT_TIME_LIMIT_EXCEEDED", "soft time limit", soft))),
    after(hard === undefined ? hard : Math.max(0, hard - elapsed), () =>
      endBoth(exceeded("TIME_LIMIT_EXCEEDED", "time limit", hard)),
    ),
  ];
  return {
    task: task.signal,
    end: end.signal,
    over: end.signal,
    clear() {
      signal.removeEventListener("abort", onAbort);
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

function after(milliseconds: number | undefined, act: () => void): NodeJS.Timeout | undefined {
  return milliseconds === undefined
    ? undefined
    : setTimeout(act, Math.min(milliseconds, longestTimer)).unref();
}

function exceeded(
  code: "SOFT_TIME_LIMIT_EXCEEDED" | "TIME_LIMIT_EXCEEDED",
  what: string,
  limit = 0,
): LovageError {
  return new LovageError(code, `the attempt took longer than its ${what} of ${formatMilliseconds(limit)}`, {
    value: limit,
    hint: "give the call or the task a longer one, or less to do",
  });
}
