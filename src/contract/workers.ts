import * as z from "zod";
import { operation } from "./operation.ts";
import { Queue, several, WorkerName } from "./shapes.ts";
import {
  ActiveJob,
  Answers,
  asked,
  RegisteredTask,
  ServedQueue,
  WorkerReport,
  WorkerStats,
  WorkerTimeout,
  WorkerView,
} from "./worker-shapes.ts";

export const questions = ["ping", "active", "registered", "stats", "conf", "report"] as const;
export const workerCommands = [
  "pause",
  "resume",
  "concurrency",
  "add-queue",
  "remove-queue",
  "shutdown",
] as const;

/** Each question has one kind of answer; which one, the question says. */
const Told = z.union([
  z.array(ActiveJob).meta({ description: "active" }),
  z.array(RegisteredTask).meta({ description: "registered" }),
  WorkerStats,
  WorkerReport,
  z.object({ ok: z.literal("pong") }).meta({ description: "ping" }),
  z.record(z.string(), z.unknown()).meta({ description: "conf, without secrets" }),
]);

export const workers = {
  listWorkers: operation({
    summary: "The workers that live or lived within the hour",
    tag: "workers",
    method: "get",
    path: "/workers",
    scope: "read",
    status: 200,
    answer: z.object({ workers: z.array(WorkerView) }),
  }),
  askWorkers: operation({
    summary: "Ask the workers themselves",
    tag: "workers",
    method: "get",
    path: "/workers/answers/{question}",
    scope: "read",
    params: z.strictObject({ question: z.enum(questions) }),
    query: z.strictObject({
      workers: several(WorkerName, 100).optional().meta({ description: "Default: all" }),
      timeout: WorkerTimeout.def.options[0].optional(),
    }),
    status: 200,
    answer: Answers(Told).meta({ id: "WorkerAnswers" }),
    errors: ["WORKER_UNKNOWN"],
  }),
  controlWorkers: operation({
    summary: "Tell workers what to do; holds until they are started again",
    description:
      "`concurrency` needs the field of that name, `add-queue` and `remove-queue` need `queue`. `shutdown` stops them in good order.",
    tag: "workers",
    method: "post",
    path: "/workers/commands/{command}",
    scope: "control",
    params: z.strictObject({ command: z.enum(workerCommands) }),
    body: z.strictObject({
      ...asked,
      queue: Queue.optional().meta({ description: "Default: each that a worker takes jobs from" }),
      concurrency: z.number().int().min(1).max(1000).optional(),
    }),
    bodyOptional: true,
    status: 200,
    answer: Answers(
      z.union([
        z.array(ServedQueue).meta({ description: "The queues that were changed" }),
        z.object({ stopping: z.literal(true) }).meta({ description: "shutdown" }),
      ]),
    ).meta({ id: "ControlAnswers" }),
    errors: ["WORKER_UNKNOWN"],
  }),
  forgetWorker: operation({
    summary: "Take a dead worker out of the list",
    tag: "workers",
    method: "delete",
    path: "/workers/{name}",
    scope: "control",
    params: z.strictObject({ name: WorkerName }),
    status: 204,
    errors: ["WORKER_UNKNOWN"],
  }),
};
