/** The longest that a timer can be set for; a longer one would end at once. */
const longestTimer = 2 ** 31 - 1;

/** The promise's value, or undefined when it does not come in time. The wait itself keeps no process alive. */
export async function inTime<T>(promise: Promise<T>, milliseconds: number): Promise<T | undefined> {
  const { promise: over, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, Math.min(milliseconds, longestTimer), undefined);
  // A browser's timers are numbers.
  if (typeof timer === "object") timer.unref();
  try {
    return await Promise.race([promise, over]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves after a while, or as soon as one of the signals is aborted. */
export async function pause(milliseconds: number, ...over: readonly AbortSignal[]): Promise<void> {
  const window = createWindow(milliseconds, over);
  try {
    await new Promise((resolve) => {
      if (window.signal.aborted) resolve(undefined);
      window.signal.addEventListener("abort", resolve, { once: true });
    });
  } finally {
    window.close();
  }
}

/** A length of time whose signal is aborted when it is over, or one of the signals it was made with is. */
export interface Window {
  readonly signal: AbortSignal;
  /** Whether its time is what ended it. */
  readonly late: boolean;
  /** Its time begins anew. */
  restart(milliseconds: number): void;
  /** Ends it. Must be called: it holds on to the signals until then, and its timer keeps the process alive. */
  close(): void;
}

/** `AbortSignal.any` with `AbortSignal.timeout` would do the same, and hold on to signals that live long. */
export function createWindow(milliseconds: number, over: readonly (AbortSignal | undefined)[]): Window {
  const controller = new AbortController();
  const abort = () => controller.abort("over");
  let late = false;
  const start = (length: number) =>
    setTimeout(
      () => {
        late = true;
        abort();
      },
      Math.min(length, longestTimer),
    );
  let timer = start(milliseconds);
  for (const signal of over) {
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted === true) abort();
  }
  return {
    signal: controller.signal,
    get late() {
      return late;
    },
    restart(length) {
      clearTimeout(timer);
      timer = start(length);
    },
    close() {
      clearTimeout(timer);
      abort();
      for (const signal of over) signal?.removeEventListener("abort", abort);
    },
  };
}
