import * as z from "zod";
import { LovageError } from "../core/errors.ts";

/** The version of the wire format. A worker refuses what is newer, so that an old one never misreads a new job. */
export const wireVersion = 1;

// Unknown fields, of a newer release, are dropped. Loose objects would keep them, and cost more at every job.
const Meta = z.object({
  /** Milliseconds since 1970 after which the job must not be started. */
  expiresAt: z.number().optional(),
  /** Set when the job is cancelled before a worker has it. */
  cancelled: z.object({ reason: z.string() }).optional(),
});

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

/** @throws LovageError `PAYLOAD_INVALID` when the data is not a call, or of a newer version than this worker knows */
export function decodeCall(data: unknown): Call {
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
