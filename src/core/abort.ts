/**
 * An AbortController whose signal is made when somebody asks for it. One for each job, with a listener, costs more than
 * a small job does, and few tasks look at theirs.
 */
export class LazyAborter {
  #controller: AbortController | undefined;
  #waiting: (() => void) | undefined;
  aborted = false;
  reason: unknown;

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.aborted) this.#controller.abort(this.reason);
    }
    return this.#controller.signal;
  }

  /** As with an AbortController, the first reason stands. */
  abort(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    this.#controller?.abort(reason);
    this.#waiting?.();
  }

  /** Calls the one who waits, at once if it is over already. Nobody else may wait here: others use the signal. */
  wait(onAbort: () => void): void {
    this.#waiting = onAbort;
    if (this.aborted) onAbort();
  }

  stopWaiting(): void {
    this.#waiting = undefined;
  }
}

/**
 * The promise's value, or a rejection with the signal's reason when that comes first. The promise itself goes on, and
 * what becomes of it is dropped.
 */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | LazyAborter): Promise<T> {
  // Every job passes here: one promise instead of a race of several.
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    const done =
      signal instanceof LazyAborter
        ? () => signal.stopWaiting()
        : () => signal.removeEventListener("abort", onAbort);
    if (signal instanceof LazyAborter) signal.wait(onAbort);
    else {
      signal.addEventListener("abort", onAbort);
      if (signal.aborted) onAbort();
    }
    promise.then(
      (value) => {
        done();
        resolve(value);
      },
      (error) => {
        done();
        reject(error);
      },
    );
  });
}
