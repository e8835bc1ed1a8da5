/** An answer that all who ask within a moment get, so that many open pages cost no more than one. */
export interface SharedAnswer<T> {
  (): Promise<T>;
  /** The next one asks anew: something was changed. */
  forget(): void;
}

/** @param lifetime milliseconds from the answer on; until it is there nobody asks a second time */
export function shareAnswer<T>(read: () => Promise<T>, lifetime = 1000): SharedAnswer<T> {
  let last: { answer: Promise<T>; until: number } | undefined;
  const ask = () => {
    if (last !== undefined && Date.now() < last.until) return last.answer;
    const current = { answer: read(), until: Number.POSITIVE_INFINITY };
    last = current;
    current.answer.then(
      () => {
        current.until = Date.now() + lifetime;
      },
      () => {
        // A failure is nobody else's.
        if (last === current) last = undefined;
      },
    );
    return current.answer;
  };
  return Object.assign(ask, {
    forget() {
      last = undefined;
    },
  });
}
