import type { TaskManifest } from "../../task/catalogue.ts";
import { exampleInput } from "../../task/schema-fields.ts";

export type EnqueueExamples = Record<string, { summary: string; value: unknown }>;

/** A call of each task, to be filled in. */
export function enqueueExamples(manifests: readonly TaskManifest[]): EnqueueExamples {
  return Object.fromEntries(
    manifests.map(({ name, description, input }) => [
      name.replaceAll(/[^A-Za-z0-9._-]/g, "_"),
      { summary: description || name, value: { task: name, input: exampleInput(input) } },
    ]),
  );
}
