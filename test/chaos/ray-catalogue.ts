import * as z from "zod";
import { createCatalogue, defineRayTask, defineTask, type TasksOf } from "#task";

const ray = {
  queue: "ml",
  input: z.strictObject({ seconds: z.number(), lines: z.number() }),
  output: z.strictObject({ lines: z.number(), attempt: z.number() }),
  program: "steps.py",
  retry: { attempts: 4, backoff: 100, maxBackoff: 500 },
} as const;

/** What the rounds against Ray enqueue. */
export const catalogue = createCatalogue([
  defineRayTask({ ...ray, name: "chaos.steps", resources: { cpus: 0.1 } }),
  /** Fits on a node that a round starts beside the head. */
  defineRayTask({ ...ray, name: "chaos.steps_far", resources: { custom: { far: 1 } } }),
  /** Fits on no node, until one is there that comes too late. */
  defineRayTask({
    ...ray,
    name: "chaos.steps_late",
    resources: { custom: { late: 1 } },
    deadlines: { start: "2s" },
    retry: { attempts: 1 },
  }),
  defineTask({
    name: "chaos.note",
    queue: "default",
    input: z.strictObject({}),
    output: z.null(),
    run: async () => null,
  }),
]);

export type RayChaosTasks = TasksOf<typeof catalogue>;
