import type { Broker } from "./broker.ts";
import type { HistorySpan } from "./history-view.ts";

/** Steps of time into which what happens is counted. */
export interface Resolution {
  /** Milliseconds. */
  step: number;
  /** How many steps are shown. */
  points: number;
  /** Milliseconds after its end for which a step is kept. */
  kept: number;
}

const minute = 60_000;
const hour = 60 * minute;

/** A longer step begins where a shorter one does, so all three are written from the minute alone. */
export const resolutions: Readonly<Record<HistorySpan, Resolution>> = {
  hour: { step: minute, points: 60, kept: 2 * hour },
  day: { step: 15 * minute, points: 96, kept: 26 * hour },
  week: { step: 2 * hour, points: 84, kept: 8 * 24 * hour },
};

/** The finest step, in milliseconds. */
export const finest = resolutions.hour.step;

export function beginOf(moment: number, { step }: Resolution): number {
  return Math.floor(moment / step) * step;
}

/** Whose figures they are: a queue's, or those of a task in it. */
export interface Scope {
  queue: string;
  task?: string | undefined;
}

/** Under this name is counted whose task nobody knows: anybody may write names into Redis. */
export const unknownTask = "unknown";

export function bucketKey(
  { keys }: Pick<Broker, "keys">,
  resolution: Resolution,
  begin: number,
  scope: Scope,
) {
  const { queue, task } = scope;
  return keys.history(resolution.step, begin, task === undefined ? queue : `${queue}:${task}`);
}

/** The figures of a scope at a moment, as fields of a hash. */
export interface Figures extends Scope {
  /** Milliseconds since 1970, by Redis' clock. */
  at: number;
  fields: (string | number)[];
}

/** Writes figures into the steps of all resolutions, in one round trip. */
export async function writeFigures(
  broker: Broker,
  how: "add" | "greatest",
  figures: readonly Figures[],
): Promise<void> {
  if (figures.length === 0) return;
  const keys: string[] = [];
  const args: (string | number)[] = [];
  for (const { at, fields, ...scope } of figures) {
    for (const resolution of Object.values(resolutions)) {
      const begin = beginOf(at, resolution);
      keys.push(bucketKey(broker, resolution, begin, scope));
      args.push(begin + resolution.step + resolution.kept);
    }
    args.push(fields.length / 2, ...fields);
  }
  await broker.redis.lovageHistory(keys.length, ...keys, how, ...args);
}
