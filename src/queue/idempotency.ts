import { fingerprint } from "../core/canonical-json.ts";
import { LovageError } from "../core/errors.ts";
import { type EnqueueOptions, readIdempotencyKey } from "./enqueue-options.ts";
import type { EnqueueScripts } from "./enqueue-scripts.ts";
import type { Keys } from "./keys.ts";
import type { PreparedJob } from "./producer.ts";

/** A call's wish to be made once only. */
export interface Idempotency {
  key: string;
  /** Milliseconds. */
  lifetime: number;
  /** Of the input. */
  hash: string;
}

/** Where a job is. */
export interface JobPlace {
  queue: string;
  id: string;
}

/** A job as it shall be made, and whether it is there already. */
export interface ClaimedJob extends JobPlace {
  made: boolean;
}

/** How many keys one script claims: below Lua's limit of arguments. */
const keysAtOnce = 500;

/** @throws LovageError `INPUT_INVALID` */
export function readIdempotency(
  asked: NonNullable<EnqueueOptions["idempotencyKey"]>,
  input: unknown,
): Idempotency {
  return { ...readIdempotencyKey(asked), hash: fingerprint(input) };
}

/**
 * Claims the keys of the jobs that have one, each with the job's id, before any job is added: whoever comes later, or
 * goes on after a crash, adds a job of the same id, and a second one of an id is never made.
 * @throws LovageError `IDEMPOTENCY_CONFLICT`
 */
export async function claimKeys(
  redis: EnqueueScripts,
  keys: Keys,
  jobs: readonly PreparedJob[],
): Promise<Map<PreparedJob, ClaimedJob>> {
  const claims = new Map<PreparedJob, ClaimedJob>();
  const asking = jobs.filter((job) => job.idempotency !== undefined);
  for (let from = 0; from < asking.length; from += keysAtOnce) {
    const some = asking.slice(from, from + keysAtOnce);
    const values = some.flatMap(({ opts, queue, idempotency }) => [
      opts.jobId,
      idempotency?.hash ?? "",
      queue,
      idempotency?.lifetime ?? 0,
    ]);
    const answers = await redis.lovageClaim(some.length, ...some.map((job) => keyOf(keys, job)), ...values);
    if (answers[0] === -1) throw conflict(some[Number(answers[1]) - 1], String(answers[2]));
    for (const [index, job] of some.entries()) {
      const [toAdd, id, queue] = answers[index] as [number, string, string];
      claims.set(job, { id, queue, made: toAdd === 0 });
    }
  }
  return claims;
}

/** Notes that a claimed job is there, so that it is not made again when retention has removed it. */
export async function noteAdded(
  redis: EnqueueScripts,
  keys: Keys,
  job: PreparedJob,
  id: string,
): Promise<void> {
  await redis.lovageAdded(keyOf(keys, job), id);
}

function keyOf(keys: Keys, { name, idempotency }: PreparedJob): string {
  return keys.idempotency(name, idempotency?.key ?? "");
}

function conflict(job: PreparedJob | undefined, id: string): LovageError {
  const key = job?.idempotency?.key;
  const first = id === "" ? "another call of the same list" : `job ${id}`;
  return new LovageError(
    "IDEMPOTENCY_CONFLICT",
    `the idempotency key ${JSON.stringify(key)} of ${job?.name} belongs to ${first}, which has another input`,
    {
      field: "idempotencyKey",
      value: key,
      hint: "use a key of its own for each input, or repeat the call with the very same input",
    },
  );
}
