import * as z from "zod";
import { LovageError } from "../core/errors.ts";

/** The version of the wire format. A worker refuses what is newer, so that an old one never misreads a new job. */
export const wireVersion = 1;

const Continuation = z.object({
  task: z.string(),
  /** What the next job is given; absent: what the job before it ended with. */
  input: z.unknown().optional(),
  /** The field of the input in which that is put. */
  into: z.string().optional(),
});

// Unknown fields, of a newer release, are dropped. Loose objects would keep them, and cost more at every job.
const Meta = z.object({
  /** Milliseconds since 1970 after which the job must not be started. */
  expiresAt: z.number().optional(),
  /** Set when the job is cancelled before a worker has it. */
  cancelled: z.object({ reason: z.string() }).optional(),
  /** Milliseconds: time limits of this call instead of its task's. */
  softTimeLimit: z.number().optional(),
  timeLimit: z.number().optional(),
  /** The Ray cluster of this call instead of its task's. */
  rayCluster: z.string().optional(),
  /** Milliseconds: the back-off of this call instead of its task's. */
  backoff: z.object({ delay: z.number(), max: z.number() }).optional(),
  tags: z.array(z.string()).optional(),
  /** What the caller wants to find with the job again; Lovage does not read it. */
  metadata: z.record(z.string(), z.unknown()).optional(),
  /** The result is checked and dropped. */
  ignoreResult: z.boolean().optional(),
  /** Enqueued with the job's result when it completed. */
  onSuccess: Continuation.optional(),
  /** Enqueued with the job's failure when it failed for good or expired. */
  onFailure: Continuation.optional(),
  /** What hooks carry from the caller to the run, such as a trace's context. */
  headers: z.record(z.string(), z.string()).optional(),
  /** The dead job that this one was made from. */
  replayOf: z.string().optional(),
});

/** The names of the fields, for the page that tells others how to enqueue. */
export const metaFields = Object.keys(Meta.shape);

/** A task to call next, and how its input is made. */
export type Continuation = z.infer<typeof Continuation>;

const Call = z.object({ v: z.number().int().positive(), input: z.unknown(), meta: Meta });

export type CallMeta = z.infer<typeof Meta>;

/** What lies in Redis as the data of a job. */
export interface Call {
  v: number;
  input: unknown;
  meta: CallMeta;
}

export function encodeCall(input: unknown, meta: CallMeta): Call {
  return { v: wireVersion, input, meta };
}

/** Most calls carry nothing but an input, and every job passes here: the schema would say the same. */
function isPlainCall(data: unknown): data is Call {
  const { v, input, meta } = (data ?? {}) as Partial<Call>;
  if (v !== wireVersion || input === undefined || typeof meta !== "object" || meta === null) return false;
  for (const _field in meta) return false;
  return !Array.isArray(meta);
}

/** @throws LovageError `PAYLOAD_INVALID` when the data is not a call, or of a newer version than this worker knows */
export function decodeCall(data: unknown): Call {
  if (isPlainCall(data)) return data;
  const result = Call.safeParse(data);
  if (!result.success) {
    throw new LovageError(
      "PAYLOAD_INVALID",
      `the job's data is not a call: ${z.prettifyError(result.error)}`,
      {
        value: data,
        hint: `enqueue { "v": ${wireVersion}, "input": …, "meta": {} }`,
      },
    );
  }
  if (result.data.v > wireVersion) {
    throw new LovageError(
      "PAYLOAD_INVALID",
      `the call has version ${result.data.v}, newer than ${wireVersion}`,
      {
        field: "v",
        value: result.data.v,
        hint: "update the workers before the clients",
      },
    );
  }
  return { v: result.data.v, input: result.data.input, meta: result.data.meta };
}
