import type { Shape } from "../shape.ts";
import { canvas } from "./canvas.ts";
import { depth } from "./depth.ts";
import { drains } from "./drain.ts";
import { enqueue } from "./enqueue.ts";
import { features } from "./features.ts";
import { pages } from "./pages.ts";
import { ray } from "./ray.ts";
import { redisCost } from "./redis-cost.ts";
import { roundTrip } from "./round-trip.ts";
import { start } from "./start.ts";

/** All that is measured, in the order of the document. */
export const shapes: readonly Shape[] = [
  enqueue,
  ...drains,
  roundTrip,
  start,
  canvas,
  depth,
  pages,
  redisCost,
  features,
  ray,
];
