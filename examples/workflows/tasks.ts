import * as z from "zod";
import { createCatalogue, defineTask, defineWorkflow, type TasksOf } from "#task";

export const trainModel = defineTask({
  name: "example.train_model",
  queue: "default",
  input: z.object({ dataset: z.string(), depth: z.number().default(3) }),
  output: z.object({ dataset: z.string(), score: z.number() }),
  retry: { attempts: 3, backoff: "1s" },
  run: async ({ dataset, depth }) => ({ dataset, score: (dataset.length * depth) % 10 }),
});

export const pickBest = defineTask({
  name: "example.pick_best",
  queue: "default",
  input: z.array(z.object({ dataset: z.string(), score: z.number() })),
  output: z.object({ dataset: z.string(), score: z.number() }),
  async run(models) {
    const [best] = models.toSorted((a, b) => b.score - a.score);
    if (best === undefined) throw new Error("there is no model to pick");
    return best;
  },
});

export const nightly = defineWorkflow({
  name: "example.nightly",
  queue: "default",
  input: z.object({ datasets: z.array(z.string()) }),
  output: z.object({ release: z.string(), best: z.string() }),
  async run({ datasets }, context) {
    // Three jobs at once. While they run, the workflow holds no slot and needs no process.
    const models = await Promise.all(datasets.map((dataset) => context.call(trainModel, { dataset })));
    const best = await context.call(pickBest, models);

    // A local effect, done once and remembered.
    const release = await context.step("name the release", () => `release-${models.length}`);

    // For days, if need be: nothing runs meanwhile.
    await context.sleep("100ms");
    return { release, best: best.dataset };
  },
});

export const catalogue = createCatalogue([trainModel, pickBest, nightly]);
export type ExampleTasks = TasksOf<typeof catalogue>;
