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

/** Resolves after a while, or as soon as the signal is aborted. */
export function pause(milliseconds: number, over: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      over.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, Math.min(milliseconds, longestTimer));
    over.addEventListener("abort", end, { once: true });
    if (over.aborted) end();
  });
}
