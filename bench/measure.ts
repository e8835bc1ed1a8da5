import { describeError } from "../src/core/errors.ts";
import { type Fault, type Round, resultsOf, type ShapeResult } from "./document.ts";
import { orderOf } from "./rounds.ts";
import { say } from "./say.ts";
import type { OpenShape, Readings, Session, Shape } from "./shape.ts";

export interface Measured {
  results: ShapeResult[];
  faults: Fault[];
}

/**
 * Measures a shape in so many rounds. A run that breaks off is told, and the others go on without it; a shape that cannot
 * even be opened has no results, so that the shapes after it are measured all the same.
 */
export async function measure(shape: Shape, session: Session, rounds: number): Promise<Measured> {
  let open: OpenShape;
  try {
    open = await shape.open(session);
  } catch (error) {
    say(`${shape.name} CANNOT BE MEASURED: ${describeError(error)}`);
    return {
      results: [],
      faults: [{ shape: shape.name, peer: "all", round: 0, error: describeError(error) }],
    };
  }
  const all: Round[] = [];
  const faults: Fault[] = [];
  try {
    for (let round = 0; round < rounds; round += 1) {
      const readings = new Map<string, Readings>();
      for (const peer of orderOf(shape.peers, round)) {
        try {
          const begun = performance.now();
          const read = await open.run(peer, round);
          readings.set(peer, read);
          const seconds = ((performance.now() - begun) / 1000).toFixed(1);
          say(`${shape.name}, round ${round + 1} of ${rounds}, ${peer} (${seconds} s): ${told(read)}`);
        } catch (error) {
          faults.push({ shape: shape.name, peer, round: round + 1, error: describeError(error) });
          say(`${shape.name}, round ${round + 1} of ${rounds}, ${peer} BROKE OFF: ${describeError(error)}`);
        }
      }
      all.push(readings);
    }
  } finally {
    await open.close();
  }
  return { results: resultsOf(shape, all), faults };
}

function told(readings: Readings): string {
  return Object.entries(readings)
    .map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`)
    .join(", ");
}
