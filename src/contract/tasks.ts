import * as z from "zod";
import { operation } from "./operation.ts";
import { Duration, Queue, TaskName } from "./shapes.ts";
import { Answers, asked } from "./worker-shapes.ts";

const JsonSchema = z.unknown().meta({ description: "JSON Schema, draft 2020-12" });

export const TaskManifest = z
  .object({
    name: z.string(),
    queue: Queue,
    description: z.string(),
    kind: z.enum(["task", "ray", "workflow"]),
    ray: z
      .object({
        cluster: z.string(),
        clusters: z.array(z.string()).meta({ description: "Those that the workers know" }),
      })
      .optional(),
    retry: z.object({
      attempts: z.number(),
      backoff: z.number().meta({ description: "Milliseconds before the second attempt" }),
      maxBackoff: z.number(),
      retryOn: z.array(z.string()).optional(),
      neverRetryOn: z.array(z.string()).optional(),
    }),
    limits: z
      .object({
        soft: z.number().optional().meta({ description: "Milliseconds" }),
        hard: z.number().optional().meta({ description: "Milliseconds" }),
        rate: z.object({ count: z.number(), per: z.number() }).optional(),
        concurrency: z.object({ total: z.number().optional(), perKey: z.number().optional() }).optional(),
      })
      .optional(),
    input: JsonSchema,
    output: JsonSchema,
  })
  .meta({ id: "TaskManifest" });

const Name = z.strictObject({ name: TaskName });
const LoadedLimits = Answers(z.object({ loaded: z.literal(true) })).meta({ id: "LoadedLimits" });

export const tasks = {
  listTasks: operation({
    summary: "The tasks that workers know, with JSON Schemas of their inputs and outputs",
    tag: "tasks",
    method: "get",
    path: "/tasks",
    scope: "read",
    status: 200,
    answer: z.object({ tasks: z.array(TaskManifest) }),
  }),
  getTask: operation({
    summary: "One task",
    tag: "tasks",
    method: "get",
    path: "/tasks/{name}",
    scope: "read",
    params: Name,
    status: 200,
    answer: TaskManifest,
    errors: ["TASK_UNKNOWN", "CATALOGUE_EMPTY"],
  }),
  setRateLimit: operation({
    summary: "Limit how many attempts of a task may begin, over all workers",
    description:
      "Kept in Redis. The answers say which workers know of it already; those that start later read it.",
    tag: "tasks",
    method: "put",
    path: "/tasks/{name}/rate-limit",
    scope: "control",
    params: Name,
    body: z.strictObject({
      rate: z
        .string()
        .regex(/^([1-9]\d{0,8}\/\d{0,6}(s|m|h|d)|off|default)$/)
        .meta({
          description: '"10/m", "100/30s"; off: no limit; default: the definition\'s',
          examples: ["10/m"],
        }),
      ...asked,
    }),
    status: 200,
    answer: LoadedLimits,
    errors: ["TASK_UNKNOWN", "CATALOGUE_EMPTY", "WORKER_UNKNOWN"],
  }),
  setTimeLimit: operation({
    summary: "Limit how long attempts of a task may take that begin from now on",
    description:
      "Kept in Redis. The answers say which workers know of it already; those that start later read it.",
    tag: "tasks",
    method: "put",
    path: "/tasks/{name}/time-limit",
    scope: "control",
    params: Name,
    body: z.strictObject({
      limit: z.union([
        z.strictObject({
          soft: Duration.optional().meta({ description: "The task is told to stop" }),
          hard: Duration.optional().meta({ description: "The attempt is ended" }),
        }),
        z.enum(["off", "default"]),
      ]),
      ...asked,
    }),
    status: 200,
    answer: LoadedLimits,
    errors: ["TASK_UNKNOWN", "CATALOGUE_EMPTY", "WORKER_UNKNOWN"],
  }),
};
