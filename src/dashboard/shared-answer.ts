/** An answer that all who ask within a moment get, so that many open pages cost Redis no more than one. */
export interface SharedAnswer<T> {
  (): Promise<T>;
  /** The next one asks anew: something was changed. */
  forget(): void;
}

/** @param lifetime milliseconds */
export function shareAnswer<T>(read: () => Promise<T>, lifetime = 1000): SharedAnswer<T> {
  let answer: Promise<T> | undefined;
  let until = 0;
  const ask = () => {
    if (answer !== undefined && Date.now() < until) return answer;
    until = Date.now() + lifetime;
    const asked = read();
    answer = asked;
    // A failure is nobody else's.
    asked.catch(() => {
      if (answer === asked) answer = undefined;
    });
    return asked;
  };
  return Object.assign(ask, {
    forget() {
      answer = undefined;
    },
  });
}
