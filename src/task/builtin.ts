import * as z from "zod";
import { CanvasNode, type CanvasWorkflowContext, canvasName, chunkName, runWholeCanvas } from "./canvas.ts";
import type { AnyTask } from "./catalogue.ts";
import type { TaskContext } from "./context.ts";
import { defineTask } from "./definition.ts";
import { defineWorkflow } from "./workflow.ts";

/** Names of Lovage's own tasks begin with this; nobody else's may. */
export const builtinPrefix = "lovage.";

/** The task behind `context.sleep`: a job that is scheduled, and does nothing. */
export const sleepName = "lovage.sleep";

const sleep = defineTask({
  name: sleepName,
  queue: "default",
  description: "Lets a workflow wait",
  input: z.object({}),
  output: z.null(),
  retry: { attempts: 1 },
  run: async () => null,
});

/** What the context of a chunk has besides a task's: it runs another task of the catalogue in its own place. */
export interface ChunkContext extends TaskContext {
  runInPlace(task: string, input: unknown): Promise<unknown>;
}

const chunk = defineTask({
  name: chunkName,
  queue: "default",
  description: "Runs one task for several inputs, one after another",
  input: z.object({ task: z.string(), inputs: z.array(z.unknown()) }),
  output: z.array(z.unknown()),
  async run({ task, inputs }, context) {
    const results = [];
    for (const [index, input] of inputs.entries()) {
      context.signal.throwIfAborted();
      results.push(await (context as ChunkContext).runInPlace(task, input));
      await context.progress({
        fraction: (index + 1) / inputs.length,
        message: `${index + 1} of ${inputs.length}`,
      });
    }
    return results;
  },
});

/** The workflow behind chain, group, chord, map and chunks. */
export const canvas = defineWorkflow({
  name: canvasName,
  queue: "default",
  description: "Runs a chain, group, chord, map or chunks that a client composed",
  input: CanvasNode,
  output: z.unknown(),
  run: (node, context) => runWholeCanvas(node, context as CanvasWorkflowContext),
});

export const builtins: ReadonlyMap<string, AnyTask> = new Map(
  [sleep, chunk, canvas].map((task) => [task.name, task as AnyTask]),
);
