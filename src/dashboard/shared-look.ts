/**
 * One look for all who ask within so many milliseconds, and none when nobody asks. A look that failed is not kept.
 * @param fresh milliseconds for which the answer is given again
 */
export function shareLook<T>(look: () => Promise<T>, fresh: number): () => Promise<T> {
  let last: { answer: Promise<T>; until: number } | undefined;
  return () => {
    if (last !== undefined && Date.now() < last.until) return last.answer;
    // As long as it goes on there is no second one; then it is fresh from its end on.
    const current = { answer: look(), until: Number.POSITIVE_INFINITY };
    last = current;
    current.answer.then(
      () => {
        current.until = Date.now() + fresh;
      },
      () => {
        if (last === current) last = undefined;
      },
    );
    return current.answer;
  };
}
