import { parseJson } from "../core/json.ts";
import type { Broker } from "./broker.ts";
import { withDeadline } from "./connection.ts";

/** What somebody did at the dashboard. */
export interface AuditRecord {
  /** Such as `job.cancel`, `queue.pause`, `login`. */
  action: string;
  /** What it was done to: a job's id, a queue's name. */
  target: string;
  /** The user's name; null where nobody was logged in. */
  by: string | null;
  role: string | null;
  /** The address it came from. */
  from: string;
  details: Readonly<Record<string, unknown>>;
}

/** A record as it lies in the log. */
export interface AuditLine extends AuditRecord {
  at: Date;
  /** Its place in the log. */
  id: string;
}

export interface AuditQuery {
  by?: string | undefined;
  /** The whole action, or what it begins with up to a point: `job` finds `job.cancel`. */
  action?: string | undefined;
  /** Only what lies before this line. */
  before?: string | undefined;
  limit: number;
}

/** The last 10,000 or so things that were done, in Redis. Both throw `REDIS_UNAVAILABLE`. */
export interface AuditLog {
  add(record: AuditRecord): Promise<void>;
  /** The newest first. */
  list(query: AuditQuery): Promise<{ lines: AuditLine[] /** Null on the last page. */; next: string | null }>;
}

const kept = 10_000;

/** How many lines are read at once. */
const page = 1000;

/** Milliseconds that a call waits for Redis. */
const patience = 3000;

export function createAuditLog({ redis, keys, address }: Broker): AuditLog {
  const inTime = <T>(answer: Promise<T>) => withDeadline(answer, patience, address);
  return {
    async add(record) {
      const json = JSON.stringify(record);
      await inTime(redis.xadd(keys.audit, "MAXLEN", "~", kept, "*", "record", json));
    },
    async list({ by, action, before, limit }) {
      const lines: AuditLine[] = [];
      let from = before === undefined ? "+" : `(${before}`;
      for (;;) {
        const entries = await inTime(redis.xrevrange(keys.audit, from, "-", "COUNT", page));
        for (const [id, fields] of entries) {
          const record = parseJson(fields[1] ?? "") as AuditRecord | undefined;
          if (record === undefined) continue;
          if (by !== undefined && record.by !== by) continue;
          if (action !== undefined && record.action !== action && !record.action.startsWith(`${action}.`)) {
            continue;
          }
          if (lines.length === limit) return { lines, next: lines.at(-1)?.id ?? null };
          lines.push({ ...record, at: new Date(Number(id.split("-")[0])), id });
        }
        const last = entries.at(-1)?.[0];
        if (last === undefined || entries.length < page) return { lines, next: null };
        from = `(${last}`;
      }
    },
  };
}
