import * as z from "zod";
import { operation } from "./operation.ts";
import { RedisHealth } from "./queues.ts";
import { Health, Moment, Queue, TaskName } from "./shapes.ts";

const Milliseconds = z.number().nullable();
const Quantiles = z.object({ p50: Milliseconds, p95: Milliseconds, p99: Milliseconds }).meta({
  id: "Quantiles",
  description: "Milliseconds below which so much of the jobs stayed; null where there was none",
});

const happened = {
  completed: z.number(),
  failed: z.number(),
  retried: z.number(),
  cancelled: z.number(),
  expired: z.number(),
  wait: Quantiles,
  run: Quantiles,
  waiting: z.number().nullable(),
  backlogAge: Milliseconds,
};

export const History = z
  .object({
    step: z.number().meta({ description: "Milliseconds of a step" }),
    points: z.array(z.object({ at: Moment, ...happened })),
    total: z.object(happened).meta({ description: "The whole span in one" }),
  })
  .meta({ id: "History" });

export const service = {
  getHealth: operation({
    summary: "Whether the service works; open to everybody",
    description: "503 when Redis is away.",
    tag: "service",
    method: "get",
    path: "/health",
    scope: null,
    status: 200,
    answer: Health,
  }),
  getRedis: operation({
    summary: "How Redis is",
    tag: "service",
    method: "get",
    path: "/redis",
    scope: "read",
    status: 200,
    answer: RedisHealth,
  }),
  getHistory: operation({
    summary: "What happened, step by step, the oldest first",
    tag: "service",
    method: "get",
    path: "/history",
    scope: "read",
    query: z.strictObject({
      span: z.enum(["hour", "day", "week"]).optional().meta({ description: "How far back. Default: hour" }),
      queue: Queue.optional(),
      task: TaskName.optional(),
    }),
    status: 200,
    answer: History,
  }),
};
