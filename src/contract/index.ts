import { deadLetters } from "./dead-letters.ts";
import { jobs } from "./jobs.ts";
import { queues } from "./queues.ts";
import { schedules } from "./schedules.ts";
import { service } from "./service.ts";
import { tasks } from "./tasks.ts";
import { workers } from "./workers.ts";

export { type Operation, type Scope, scopes, tags } from "./operation.ts";
export { Problem } from "./shapes.ts";

/** Under which the operations' paths are. */
export const apiRoot = "/api/v1";

/** Every operation of the HTTP API, by id. */
export const operations = {
  ...jobs,
  ...deadLetters,
  ...tasks,
  ...queues,
  ...workers,
  ...schedules,
  ...service,
};

export type Operations = typeof operations;
export type OperationId = keyof Operations;
