/**
 * The order in which those compared run in a round (from 0): each has each place equally often, because the machine may
 * be slower or faster from one minute to the next, and every second turn goes backwards, so that nobody always comes after
 * the same one.
 */
export function orderOf<T>(all: readonly T[], round: number): T[] {
  const start = round % all.length;
  const turned = [...all.slice(start), ...all.slice(0, start)];
  return Math.floor(round / all.length) % 2 === 0 ? turned : turned.toReversed();
}
