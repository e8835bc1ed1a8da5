import type { TaskContext, TaskSettings } from "#task";
import { createTestContext as create, createRecords } from "../../src/testing/context.ts";
import { createTestMemory } from "../../src/testing/memory.ts";

/** A context in memory, with everything a task did to be looked at. Give `parts` to replace what a test needs. */
export function createTestContext(parts: Partial<TaskContext> = {}, settings: Partial<TaskSettings> = {}) {
  const records = createRecords();
  const enqueued = new Map<string, { task: string; input: unknown }>();
  const context = create(
    {
      job: {
        id: "job-1",
        task: "test",
        queue: "default",
        attempt: 1,
        attempts: 3,
        fence: 1,
        enqueuedAt: new Date(1_700_000_000_000),
        tags: [],
        metadata: {},
        headers: {},
      },
      signal: new AbortController().signal,
      records,
      told: () => {},
      memory: createTestMemory(),
      async enqueue(task, input, { id = "random" } = {}) {
        if (!enqueued.has(id)) enqueued.set(id, { task, input });
        return id;
      },
      ray: { run: async () => ({}) },
    },
    { settings },
  );
  return { context: { ...context, ...parts }, enqueued, ...records };
}
