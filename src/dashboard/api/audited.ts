import type { Request } from "express";
import { type OperationId, operations } from "../../contract/index.ts";
import type { Audit } from "../audit.ts";
import type { Asked } from "./operation-types.ts";

type ControlId = {
  [Id in OperationId]: (typeof operations)[Id]["scope"] extends "control" ? Id : never;
}[OperationId];

/** How the audit log names what is done through the API: as it names the same done on a page. */
const actions: Record<ControlId, string> = {
  cancelJob: "job.cancel",
  cancelJobs: "job.cancel-many",
  forgetJob: "job.forget",
  replayJob: "job.replay",
  discardDeadLetter: "job.discard",
  setRateLimit: "task.rate-limit",
  setTimeLimit: "task.time-limit",
  pauseQueue: "queue.pause",
  resumeQueue: "queue.resume",
  purgeQueue: "queue.purge",
  controlWorkers: "worker.control",
  forgetWorker: "worker.forget",
  createSchedule: "schedule.create",
  updateSchedule: "schedule.update",
  removeSchedule: "schedule.remove",
  pauseSchedule: "schedule.pause",
  resumeSchedule: "schedule.resume",
  runSchedule: "schedule.run",
  backfillSchedule: "schedule.backfill",
};

/** What of a request is worth noting: no inputs, which may be large or private. */
const noted = [
  "filter",
  "reason",
  "note",
  "again",
  "rate",
  "limit",
  "workers",
  "queue",
  "concurrency",
  "task",
  "from",
  "to",
];

export async function noteAction(
  audit: Audit,
  request: Request,
  id: OperationId,
  { params, query, body }: Asked,
): Promise<void> {
  const [target, ...others] = Object.values((params ?? {}) as Record<string, string>);
  const said = { ...(query as object | undefined), ...(body as object | undefined) };
  const details = Object.fromEntries(Object.entries(said).filter(([name]) => noted.includes(name)));
  await audit(request, {
    action: actions[id as ControlId],
    target: target ?? String((body as { name?: string } | undefined)?.name ?? ""),
    details: {
      ...details,
      ...(others.length > 0 && { others }),
      operation: id,
      method: operations[id].method,
    },
  });
}
