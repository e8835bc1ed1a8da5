import type { BackendFactory, RedisQueueBackend } from "bullmq";
import { jobFields } from "./keys.ts";

/** The records, as JSON, of errors with which jobs are about to be failed or put aside for another attempt, by job id. */
export type ErrorRecords = Map<string, string>;

/**
 * BullMQ's own way to Redis, with a job's error written by the very command that fails the job or puts it aside. Written before, it
 * would be missing after a crash in which Redis lost what it had answered and its worker went on with the failure: the job would
 * have failed with no code, and one that was cancelled would not be known as cancelled.
 */
export function failTogether(
  errors: ErrorRecords,
  open: BackendFactory<RedisQueueBackend>,
): BackendFactory<RedisQueueBackend> {
  return (name, options, how) => {
    const backend = open(name, options, how);
    const fail = backend.moveToFailed.bind(backend);
    const delay = backend.moveToDelayed.bind(backend);
    const retry = backend.retryJob.bind(backend);

    function withError<Fields extends object | undefined>(id: string, fields: Fields): Fields {
      const record = errors.get(id);
      errors.delete(id);
      return fields === undefined || record === undefined ? fields : { ...fields, [jobFields.error]: record };
    }

    /** Only who fails a job has fields to update. */
    function inOptions<Options extends { fieldsToUpdate?: Record<string, unknown> }>(
      id: string,
      options: Options,
    ): Options {
      const { fieldsToUpdate } = options;
      return fieldsToUpdate ? { ...options, fieldsToUpdate: withError(id, fieldsToUpdate) } : options;
    }

    backend.moveToFailed = (job, reason, remove, token, fetchNext, fields) =>
      fail(job, reason, remove, token, fetchNext, withError(job.id ?? "", fields));
    backend.moveToDelayed = (id, at, milliseconds, token, moveOptions = {}) =>
      delay(id, at, milliseconds, token, inOptions(id, moveOptions));
    backend.retryJob = (id, lifo, token, moveOptions = {}) =>
      retry(id, lifo, token, inOptions(id, moveOptions));
    return backend;
  };
}
