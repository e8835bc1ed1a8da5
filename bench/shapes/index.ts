import type { Shape } from "../shape.ts";
import { drains } from "./drain.ts";
import { enqueue } from "./enqueue.ts";
import { roundTrip } from "./round-trip.ts";

/** All that is measured, in the order of the document. */
export const shapes: readonly Shape[] = [enqueue, ...drains, roundTrip];
