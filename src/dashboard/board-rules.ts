import type { HookContext } from "@bull-board/api/dist/types.js";
import type { Role } from "./viewer.ts";

/** Who may call a route of Bull Board, and how the audit log names it; or why nobody may. */
export type BoardRule = { role: Role; action?: string } | { refused: string };

const look: BoardRule = { role: "viewer" };
const elsewhere = "Schedules are kept equal to what tasks declare; change them on the page Schedules";

/** Every route of Bull Board that is not for reading, as it names them itself. */
const rules: Readonly<Record<string, BoardRule>> = {
  "put /api/queues/pause": { role: "operator", action: "queue.pause" },
  "put /api/queues/resume": { role: "operator", action: "queue.resume" },
  "put /api/queues/:queueName/pause": { role: "operator", action: "queue.pause" },
  "put /api/queues/:queueName/resume": { role: "operator", action: "queue.resume" },
  "put /api/queues/:queueName/retry/:queueStatus": { role: "operator", action: "queue.retry" },
  "put /api/queues/:queueName/promote": { role: "operator", action: "queue.promote" },
  "put /api/queues/:queueName/clean/:queueStatus": { role: "admin", action: "queue.clean" },
  "put /api/queues/:queueName/empty": { role: "admin", action: "queue.empty" },
  "put /api/queues/:queueName/obliterate": { role: "admin", action: "queue.obliterate" },
  "put /api/queues/:queueName/concurrency": { role: "admin", action: "queue.concurrency" },
  "put /api/queues/:queueName/rate-limit": { role: "admin", action: "queue.rate-limit" },
  "put /api/queues/:queueName/rate-limit/release": { role: "admin", action: "queue.rate-limit" },
  "put /api/queues/:queueName/:jobId/retry": { role: "operator", action: "job.retry" },
  "put /api/queues/:queueName/:jobId/promote": { role: "operator", action: "job.promote" },
  "patch /api/queues/:queueName/:jobId/delay": { role: "operator", action: "job.reschedule" },
  "patch /api/queues/:queueName/:jobId/priority": { role: "operator", action: "job.priority" },
  "put /api/queues/:queueName/:jobId/clean": { role: "admin", action: "job.remove" },
  "put /api/queues/:queueName/:jobId/remove-unprocessed-children": {
    role: "admin",
    action: "job.remove-children",
  },
  // Ours stands before it, and checks the input; should a release move it, nothing unchecked gets in.
  "post /api/queues/:queueName/add": { refused: "Jobs are added on the page Jobs" },
  "patch /api/queues/:queueName/:jobId/update-data": {
    refused: "What a job was called with stays as it is; replay it with another input on its own page",
  },
  "put /api/queues/:queueName/job-schedulers/:schedulerId/remove": { refused: elsewhere },
  "put /api/queues/:queueName/job-schedulers/:schedulerId/run": { refused: elsewhere },
  "patch /api/queues/:queueName/job-schedulers/:schedulerId": { refused: elsewhere },
  "post /api/metrics/history/purge": { role: "admin", action: "history.purge" },
};

/** Reading is for all; what is not known here, as a route of a later release, is for admins. */
export function ruleOf({ method, route }: Pick<HookContext, "method" | "route">): BoardRule {
  if (method === "get") return look;
  return rules[`${method} ${route}`] ?? { role: "admin", action: `board.${method}` };
}

/** Whether a route that changes something has a rule of its own. */
export function hasRule({ method, route }: Pick<HookContext, "method" | "route">): boolean {
  return method === "get" || rules[`${method} ${route}`] !== undefined;
}
