import type { Request } from "express";
import type { Logger } from "../observe/logger.ts";

/** What somebody did, for the audit log. */
export interface AuditEntry {
  /** Such as `job.cancel`, `queue.pause`. */
  action: string;
  /** What it was done to: a job's id, a queue's name. */
  target: string;
  /** Further facts; no secrets. */
  details?: Record<string, unknown>;
}

/** Notes who did what, and from where. */
export type Audit = (request: Request, entry: AuditEntry) => Promise<void>;

export function createAudit(logger: Logger): Audit {
  return async (request, { action, target, details }) => {
    logger.info(
      { action, target, ...details, by: request.viewer?.name, from: request.ip },
      "an operator acted",
    );
  };
}
