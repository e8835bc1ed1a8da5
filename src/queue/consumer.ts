import { DelayedError, type Job, WaitingError, type Worker } from "bullmq";
import { LovageError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { sleepName } from "../task/builtin.ts";
import type { RetryPolicy } from "../task/definition.ts";
import type { Delivery, Outcome } from "../task/execute.ts";
import type { Shard } from "./broker.ts";
import { letThrough } from "./cancellation.ts";
import { clockedBackend } from "./clocked-backend.ts";
import { end, handBackUnstarted, retryDelay } from "./endings.ts";
import { type ErrorRecords, failTogether } from "./failures.ts";
import { finishTogether } from "./finishes.ts";
import { BullJob, type GivenUpJob, type Held, type HeldJob, type HeldJobOptions } from "./held-job.ts";
import { jobFields } from "./keys.ts";
import { isUnendable, mendJob } from "./mended-job.ts";
import { wakeWorkflow } from "./parked-workflows.ts";
import type { RedisClock } from "./redis-clock.ts";
import { TolerantWorker, tolerantBackend } from "./tolerant-worker.ts";

export interface ConsumerOptions extends HeldJobOptions {
  broker: Shard;
  concurrency: number;
  clock: Pick<RedisClock, "offset">;
  workerName: string;
  retention: { result: Retention; failure: Retention; logLines: number };
  retryPolicy(task: string): RetryPolicy | undefined;
  run(job: HeldJob): Promise<Outcome>;
  /** Whether a job that was just taken must go back, for the slots of all shards together are taken. Default: never. */
  isFull?: () => boolean;
  onStalled(jobId: string): void;
  /** Told of a job that failed without being run again, because its workers died too often. */
  onGivenUp(job: GivenUpJob): Promise<void>;
}

interface Retention {
  /** Milliseconds. */
  age: number;
  count: number;
}

/** Takes the jobs of one queue. */
export interface Consumer {
  start(): Promise<void>;
  /** Takes no more jobs; resolves when those running have ended or were handed back. */
  drain(): Promise<void>;
  /** Aborts the running jobs that `matches` picks. */
  abort(reason: LovageError, matches: (job: Delivery) => boolean): void;
  /** The running jobs. */
  held(): HeldJob[];
  status(): ConsumerStatus;
  /** How many jobs it runs at once from now on; those running beyond it go on. */
  setConcurrency(concurrency: number): Promise<void>;
  /** Takes no more jobs until it is resumed; those running go on. */
  pause(): Promise<void>;
  resume(): Promise<void>;
}

export interface ConsumerStatus {
  name: string;
  concurrency: number;
  active: number;
  /** When it last took a job, in milliseconds since 1970; null: never. */
  takenAt: number | null;
  paused: boolean;
}

/** A job that outlives this many workers is likely to kill them; Ray jobs survive, so there may be several deploys. */
const maxStalledCount = 10;

/** How long a job is put aside whose earlier run this very process is still ending, in milliseconds. */
const stillEndingDelay = 1000;

/** How often the running jobs' records are looked at for a cancellation whose announcement was missed. */
const cancellationCheckInterval = 2000;

export function createConsumer(options: ConsumerOptions): Consumer {
  const { broker, queue } = options;
  const held: Held = new Map();
  const errors: ErrorRecords = new Map();
  /** The jobs put aside for another attempt since the last look for cancellations. */
  let retried: string[] = [];
  let worker: TolerantWorker | undefined;
  let timer: NodeJS.Timeout | undefined;
  let draining = false;
  let paused = false;
  let { concurrency } = options;
  let takenAt: number | null = null;

  async function handle(job: Job, token = ""): Promise<unknown> {
    const id = job.id ?? "";
    // BullMQ runs what it fetched while it closes: jobs on their way, and, woken by the hand-back, the very job that
    // was just handed back. While it pauses it takes one more, too, for which it was waiting.
    if (draining || paused || options.isFull?.() === true)
      return handBackUnstarted(options, job, token, () => job.moveToWait(token), new WaitingError());
    // The lock was lost, the job came back, and the first run is not over yet: two at once would be one too many.
    if (held.has(id)) {
      const later = () => job.moveToDelayed(Date.now() + stillEndingDelay, token);
      return handBackUnstarted(options, job, token, later, new DelayedError());
    }
    if (isUnendable(job)) {
      await mendJob(broker, queue, id);
      job.attemptsMade ||= 0;
      delete job.parentKey;
    }
    const delivery = new BullJob(options, job, token, held);
    held.set(id, delivery);
    takenAt = delivery.takenAt;
    try {
      const outcome = await options.run(delivery);
      const told = delivery.endReports(outcome);
      if (told !== undefined) await told;
      if (outcome.type === "retry") retried.push(id);
      // It began nothing here. Its turn may come while it is still being put aside, and it must not be kept waiting then.
      if (outcome.type === "postponed") held.delete(id);
      if (outcome.type === "completed") return outcome.output;
      return await end({ broker, queue, errors }, job, token, outcome);
    } finally {
      // A workflow that was parked may be held again by now.
      if (held.get(id) === delivery) held.delete(id);
    }
  }

  function abortById(id: string, reason: LovageError): void {
    held.get(id)?.aborter.abort(reason);
  }

  /** BullMQ itself tells a workflow when its last call has ended. */
  function tellWorkflow({ id, queueKey }: NonNullable<Job["parent"]>, why: "ended" | "now"): void {
    const parent = { id: id ?? "", queue: queueKey.slice(broker.keys.prefix.length + 1) };
    wakeWorkflow(broker, parent, why).catch(options.onError);
  }

  async function checkCancellations(): Promise<void> {
    // A job that was cancelled while its next attempt was being put aside is not left to wait for its time.
    const aside = retried;
    retried = [];
    const ids = [...held.keys(), ...aside];
    if (ids.length === 0) return;
    const pipeline = broker.redis.pipeline();
    for (const id of ids) pipeline.hget(broker.keys.job(queue, id), jobFields.cancel);
    const answers = (await pipeline.exec()) ?? [];
    for (const [index, id] of ids.entries()) {
      const wish = answers[index]?.[1];
      if (typeof wish !== "string") continue;
      const { reason } = (parseJson(wish) ?? {}) as { reason?: string };
      abortById(id, new LovageError("JOB_CANCELLED", reason ?? "cancelled"));
      if (aside.includes(id)) await letThrough(broker, { queue, id });
    }
  }

  return {
    async start() {
      worker = new TolerantWorker(
        queue,
        handle,
        {
          connection: broker.redis,
          prefix: broker.keys.prefix,
          name: options.workerName,
          concurrency,
          ...(broker.telemetry && { telemetry: broker.telemetry }),
          lockDuration: options.lockDuration,
          stalledInterval: Math.max(1000, options.lockDuration / 2),
          maxStalledCount,
          removeOnComplete: keep(options.retention.result),
          removeOnFail: keep(options.retention.failure),
          settings: {
            backoffStrategy: (attempt, _type, error, job) =>
              retryDelay(options.retryPolicy, attempt, error, job),
          },
        },
        finishTogether(
          {
            redis: broker.redis,
            clock: options.clock,
            workerName: options.workerName,
            lockDuration: options.lockDuration,
            keep: keep(options.retention.result),
          },
          failTogether(errors, tolerantBackend(clockedBackend(options.clock))),
        ),
      );
      if (paused) await worker.pause(true);
      worker.on("error", options.onError);
      worker.on("stalled", (id) => {
        options.onStalled(id);
        // It may have stalled since BullMQ cannot read it.
        mendJob(broker, queue, id).catch(options.onError);
      });
      worker.on("completed", (job) => {
        if (job.parent !== undefined) tellWorkflow(job.parent, job.name === sleepName ? "now" : "ended");
      });
      worker.on("failed", (job) => {
        if (job?.parent !== undefined && job.finishedOn !== undefined) tellWorkflow(job.parent, "now");
        if (job?.id === undefined || job.deferredFailure === undefined) return;
        options.onGivenUp(new BullJob(options, job, "", held)).catch(options.onError);
      });
      worker.on("lockRenewalFailed", (ids) => {
        for (const id of ids)
          abortById(id, new LovageError("LOCK_LOST", "the worker could not renew its lock in time"));
      });
      timer = setInterval(() => checkCancellations().catch(options.onError), cancellationCheckInterval);
      await worker.waitUntilReady();
    },
    async drain() {
      draining = true;
      try {
        await worker?.finish();
      } finally {
        // Jobs that end their last run are looked after until then: it may take hours.
        clearInterval(timer);
      }
    },
    abort(reason, matches) {
      for (const job of held.values()) {
        if (matches(job)) job.aborter.abort(reason);
      }
    },
    held: () => [...held.values()],
    status: () => ({ name: queue, concurrency, active: held.size, takenAt, paused }),
    async setConcurrency(count) {
      concurrency = count;
      if (worker === undefined) return;
      worker.concurrency = count;
      // With all its slots taken it would notice only when a job ends; a resume makes it look at once.
      if (!paused && !draining) await wake(worker);
    },
    async pause() {
      paused = true;
      await worker?.pause(true);
    },
    async resume() {
      paused = false;
      await worker?.resume();
    },
  };
}

async function wake(worker: Worker): Promise<void> {
  await worker.pause(true);
  await worker.resume();
}

/** BullMQ counts ages in seconds. */
function keep(retention: Retention): { age: number; count: number } {
  return { age: Math.ceil(retention.age / 1000), count: retention.count };
}
