import {
  type EnqueueOptions,
  readCallMeta,
  readIdempotencyKey,
  readJobOptions,
} from "../../queue/enqueue-options.ts";

/**
 * Refuses options at fault, in the words that a client over Redis has for them.
 * @throws LovageError `INPUT_INVALID`, `DATA_TOO_LARGE`
 */
export function checkCallOptions(task: string, options: EnqueueOptions): void {
  readJobOptions(task, options);
  readCallMeta(options);
  if (options.idempotencyKey !== undefined) readIdempotencyKey(options.idempotencyKey);
}

/** The options by the API's schema, which knows moments as ISO 8601 only. */
export function toWireOptions({ at, expires, tags, ...rest }: EnqueueOptions) {
  return {
    ...rest,
    ...(tags !== undefined && { tags: [...tags] }),
    ...(at !== undefined && { at: new Date(at).toISOString() }),
    ...(expires !== undefined && { expires: expires instanceof Date ? expires.toISOString() : expires }),
  };
}
