import * as z from "zod";
import type { AnyTask } from "./catalogue.ts";
import type { QueueName, RetryPolicy } from "./definition.ts";
import type { TaskLimits } from "./limits.ts";
import { defaultCluster } from "./ray-clusters.ts";

/** A task as it is published in Redis, so that clients need its name only. */
export interface TaskManifest {
  name: string;
  queue: QueueName;
  description: string;
  kind: "task" | "ray" | "workflow";
  /** Of a Ray task: its cluster, and those that the workers know. */
  ray?: { cluster: string; clusters: readonly string[] } | undefined;
  retry: RetryPolicy;
  /** What its definition says; operators may have set others. Absent where an earlier release published it. */
  limits?: TaskLimits | undefined;
  /** JSON Schema (draft 2020-12) of what a caller may write. */
  input: unknown;
  output: unknown;
}

export function kindOf(task: AnyTask): TaskManifest["kind"] {
  if (task.workflow) return "workflow";
  return task.ray === undefined ? "task" : "ray";
}

export function describeTask(task: AnyTask): TaskManifest {
  return describeTaskOn(task, [defaultCluster]);
}

/** @param clusters the Ray clusters that the worker knows */
export function describeTaskOn(task: AnyTask, clusters: readonly string[]): TaskManifest {
  return {
    name: task.name,
    queue: task.queue,
    description: task.description,
    kind: kindOf(task),
    ...(task.ray !== undefined && { ray: { cluster: task.ray.cluster ?? defaultCluster, clusters } }),
    retry: task.retry,
    limits: task.limits,
    input: z.toJSONSchema(task.input, { io: "input", unrepresentable: "any" }),
    output: z.toJSONSchema(task.output, { io: "output", unrepresentable: "any" }),
  };
}
