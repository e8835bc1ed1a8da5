import * as z from "zod";
import { JobSnapshot } from "./job-shapes.ts";
import { found, Id, InQueue } from "./jobs.ts";
import { operation } from "./operation.ts";
import {
  Cursor,
  DurationText,
  ErrorCodeText,
  Moment,
  Queue,
  several,
  Tag,
  TaskName,
  whole,
} from "./shapes.ts";

/** A duration in a query, of so long ago, or a moment. */
const Ago = z.union([Moment, DurationText]);

export const deadLetters = {
  listDeadLetters: operation({
    summary: "Jobs that failed for good, the newest first",
    tag: "dead letters",
    method: "get",
    path: "/dead-letters",
    scope: "read",
    query: z.strictObject({
      queue: Queue.optional(),
      task: TaskName.optional(),
      code: ErrorCodeText.optional(),
      tag: Tag.optional(),
      states: several(z.enum(["failed", "cancelled", "expired"]), 3).optional(),
      since: Ago.optional().meta({ description: "Ended at or after this moment, or so long ago at most" }),
      until: Ago.optional().meta({ description: "Ended before this moment, or longer ago" }),
      limit: whole(1, 1000).optional().meta({ description: "Default 50" }),
      cursor: Cursor.optional(),
    }),
    status: 200,
    answer: z
      .object({ jobs: z.array(JobSnapshot), cursor: z.string().nullable() })
      .meta({ id: "DeadLetterPage" }),
  }),
  getDeadLetter: operation({
    summary: "A job that failed for good",
    tag: "dead letters",
    method: "get",
    path: "/dead-letters/{id}",
    scope: "read",
    params: Id,
    query: InQueue,
    status: 200,
    answer: JobSnapshot,
    errors: [...found, "JOB_NOT_ENDED", "JOB_NOT_DEAD"],
  }),
  discardDeadLetter: operation({
    summary: "Remove a job that failed for good, with its log",
    tag: "dead letters",
    method: "delete",
    path: "/dead-letters/{id}",
    scope: "control",
    params: Id,
    query: InQueue,
    status: 204,
    errors: [...found, "JOB_NOT_ENDED", "JOB_NOT_DEAD"],
  }),
};
