/**
 * An async generator as an iterator that can be ended at any time: `return()`, and so `break`, ends a `next()` that
 * still waits, which a generator's own does not.
 * @param run is given a signal that is aborted at the end
 */
export function endable<T>(
  run: (over: AbortSignal) => AsyncGenerator<T, void, undefined>,
): AsyncIterableIterator<T> {
  const over = new AbortController();
  const inner = run(over.signal);
  const done = { done: true, value: undefined } as const;
  let finish = () => {};
  return {
    next: () =>
      new Promise((resolve, reject) => {
        if (over.signal.aborted) return resolve(done);
        finish = () => resolve(done);
        inner.next().then(resolve, reject);
      }),
    async return() {
      over.abort("over");
      finish();
      // It may still wait for an answer of Redis; its tidying up follows when that came.
      inner.return(undefined).catch(() => {});
      return done;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
