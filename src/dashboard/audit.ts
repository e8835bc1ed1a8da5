import type { Request } from "express";
import type { Logger } from "../observe/logger.ts";
import type { AuditLog } from "../queue/audit-log.ts";

/** What somebody did, for the audit log. */
export interface AuditEntry {
  /** Such as `job.cancel`, `queue.pause`. */
  action: string;
  /** What it was done to: a job's id, a queue's name. */
  target: string;
  /** Further facts; no secrets. */
  details?: Record<string, unknown>;
}

/** Notes who did what, and from where. Called when it has happened; it never fails what it notes. */
export type Audit = (request: Request, entry: AuditEntry) => Promise<void>;

export function createAudit(log: AuditLog, logger: Logger): Audit {
  return async (request, { action, target, details = {} }) => {
    const { name = null, role = null } = request.viewer ?? {};
    const record = { action, target, by: name, role, from: request.ip ?? "", details };
    logger.info(record, "an operator acted");
    try {
      await log.add(record);
    } catch (error) {
      logger.error({ err: error, action, target }, "the audit log could not be written");
    }
  };
}
