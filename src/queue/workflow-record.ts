import type { Job } from "bullmq";
import { type ErrorRecord, LovageError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { canvasName } from "../task/canvas.ts";
import { queueNames } from "../task/definition.ts";
import { type CallOutcome, type History, placesOf, stepMark } from "../task/workflow-run.ts";
import type { Broker } from "./broker.ts";
import { callId } from "./call-id.ts";
import { cancelJob } from "./cancellation.ts";
import { setHeld } from "./held-field.ts";
import { jobFields } from "./keys.ts";
import { wakeWorkflow } from "./parked-workflows.ts";
import { addJobs, type PreparedJob } from "./producer.ts";
import { storedError, storedHistory } from "./stored-fields.ts";

/** What Redis holds of a workflow, for the worker that runs it. Writes fail with `LOCK_LOST` when it no longer does. */
export interface WorkflowRecord {
  /**
   * Renews the job's lock while a run of the function takes long; the result ends that. BullMQ does so too, but forgets a
   * job that was taken again while its last run was just ending.
   */
  keepLock(): () => void;
  /** Everything known now; outcomes by place. */
  load(): Promise<{ history: History | undefined; outcomes: Map<number, CallOutcome> }>;
  save(history: History): Promise<void>;
  saveStep(place: number, outcome: CallOutcome): Promise<void>;
  /** Enqueues calls as the workflow's children; an id that is there already is left as it is. */
  add(calls: readonly PreparedJob[], added: number): Promise<void>;
  /**
   * Gives the slot back until calls have ended.
   * @param pending how many calls the function waits for
   * @returns false when none of them is pending any more: nothing was done
   */
  park(pending: number): Promise<boolean>;
  /** Notes calls that are in Redis neither as jobs nor as outcomes, so that they fail instead of being waited for. */
  lose(places: readonly number[]): Promise<void>;
  /** Cancels the calls that have not ended, and waits for them no longer. */
  cancelCalls(reason: string): Promise<void>;
}

/** Of so few pending calls a workflow hears of every one that ends; of more when half of them have ended. */
const fewCalls = 4;

/** The workflow's job as its worker holds it. */
export interface HeldWorkflow {
  queue: string;
  id: string;
  token: string;
  job: Job;
  /** Milliseconds. */
  lockDuration: number;
  onLockLost(error: LovageError): void;
  /** Writes what the job told of itself; nothing can be once it is parked. */
  flush(): Promise<void>;
  /** Called before the job is parked, since another run may then begin at once; `retake` when it was not. */
  release(): void;
  retake(): void;
}

export function createWorkflowRecord(broker: Broker, held: HeldWorkflow): WorkflowRecord {
  const { queue, id, token, job } = held;
  const { redis, keys } = broker;
  const key = keys.job(queue, id);
  /** Whether an earlier run asked to be woken before all calls have ended. */
  let asked = false;

  const keep = (field: string, value: string) => setHeld({ broker, queue }, id, token, field, value);

  /** The records of failed calls; what retention has removed is told by the reason alone. */
  async function readErrors(failed: Record<string, string>): Promise<Map<string, ErrorRecord>> {
    const children = Object.keys(failed);
    if (children.length === 0) return new Map();
    const pipeline = redis.pipeline();
    for (const child of children) pipeline.hget(child, jobFields.error);
    const answers = (await pipeline.exec()) ?? [];
    return new Map(
      children.map((child, index) => {
        const text = answers[index]?.[1];
        const record = typeof text === "string" ? storedError(text) : undefined;
        return [child, record ?? toRecord(failed[child] ?? "")];
      }),
    );
  }

  /** The results, as JSON, of those of the calls that have them, by the keys of their jobs. */
  async function readProcessed(places: readonly number[]): Promise<Record<string, string>> {
    if (places.length > fewCalls) return redis.hgetall(`${key}:processed`);
    const children = places.flatMap((place) =>
      queueNames.map((name) => keys.job(name, callId(keys, id, place))),
    );
    if (children.length === 0) return {};
    const results = await redis.hmget(`${key}:processed`, ...children);
    const found = children.map((child, index) => [child, results[index]] as const);
    return Object.fromEntries(found.filter((pair): pair is [string, string] => typeof pair[1] === "string"));
  }

  /** The outcomes of those of the calls that are steps and have ended. */
  async function readSteps(
    all: readonly number[],
    calls: History["calls"] = [],
  ): Promise<Map<number, CallOutcome>> {
    const places = all.filter((place) => calls[place]?.startsWith(stepMark));
    if (places.length === 0) return new Map();
    const texts = await redis.hmget(key, ...places.map((place) => `${jobFields.step}${place}`));
    const found = new Map<number, CallOutcome>();
    for (const [index, place] of places.entries()) {
      const text = texts[index];
      if (typeof text === "string") found.set(place, JSON.parse(text) as CallOutcome);
    }
    return found;
  }

  return {
    keepLock() {
      const renew = async () => {
        const renewed = await job.extendLock(token, held.lockDuration);
        if (renewed === 0)
          held.onLockLost(new LovageError("LOCK_LOST", `the lock of workflow ${id} was lost`));
      };
      const timer = setInterval(() => {
        // With Redis away the next time tells.
        renew().catch(() => {});
      }, held.lockDuration / 2);
      return () => clearInterval(timer);
    },
    async load() {
      // The whole job would be large: a composition's input has all its calls.
      const [, [text, added, wakeAt], early, failed] = await Promise.all([
        redis.hdel(key, jobFields.nudge),
        redis.hmget(key, jobFields.history, jobFields.added, jobFields.wakeAt),
        // Compositions alone have checkpoints, and then need few of the results.
        job.name === canvasName ? undefined : redis.hgetall(`${key}:processed`),
        redis.hgetall(`${key}:failed`),
      ]);
      asked = typeof wakeAt === "string";
      const history = storedHistory(text);
      if (typeof text === "string" && history === undefined)
        throw new LovageError("PAYLOAD_INVALID", "the workflow's history is none", {
          field: jobFields.history,
        });
      if (history !== undefined) history.added = Number(added ?? 0);
      const outcomes = new Map<number, CallOutcome>();
      const places = history === undefined ? [] : placesOf(history);
      const placeOf = new Map(places.map((place) => [callId(keys, id, place), place]));
      const processed = early ?? (await readProcessed(places));
      const put = (child: string, outcome: CallOutcome) => {
        const place = placeOf.get(keys.placeOf(child).id);
        if (place !== undefined) outcomes.set(place, outcome);
      };
      for (const [child, value] of Object.entries(processed)) put(child, { value: parseJson(value) });
      for (const [child, error] of await readErrors(failed)) put(child, { error });
      for (const [place, outcome] of await readSteps(places, history?.calls)) outcomes.set(place, outcome);
      return { history, outcomes };
    },
    async save(history) {
      await keep(jobFields.history, JSON.stringify(history));
    },
    async saveStep(place, outcome) {
      await keep(`${jobFields.step}${place}`, JSON.stringify(outcome));
    },
    async add(calls, added) {
      const parent = { id, queue: `${keys.at(id).prefix}:${queue}` };
      await addJobs(
        broker,
        calls.map((call) => ({ ...call, opts: { ...call.opts, parent, ignoreDependencyOnFailure: true } })),
      );
      // Without it the pending ones are added again, which does nothing: a few are quicker than one more round trip.
      if (calls.length > fewCalls) await keep(jobFields.added, String(added));
    },
    async park(pending) {
      const wakeAt = pending <= fewCalls ? pending - 1 : Math.floor(pending / 2);
      // Of the last call's end BullMQ tells; but what an earlier park asked for must not hold any more.
      if (wakeAt > 0 || asked) await redis.hset(key, jobFields.wakeAt, Math.max(0, wakeAt));
      // The delay with which a workflow was once enqueued would delay it each time it goes on.
      if (job.delay > 0) await redis.hset(key, "delay", 0);
      await held.flush();
      held.release();
      if (!(await job.moveToWaitingChildren(token))) {
        held.retake();
        return false;
      }
      // What ended between the look at the outcomes and now has found nobody to wake.
      wakeWorkflow(broker, { queue, id }, "check").catch(() => {
        // The sweeper comes to it.
      });
      return true;
    },
    async lose(places) {
      const lost = places.flatMap((place) => [
        keys.job(queue, callId(keys, id, place)),
        "CHILD_LOST: the job was removed before it ended",
      ]);
      await redis.hset(`${key}:failed`, ...lost);
    },
    async cancelCalls(reason) {
      const children = await redis.smembers(`${key}:dependencies`);
      for (const child of children) {
        await cancelJob(broker, keys.placeOf(child), reason).catch((error) => {
          if (!(error instanceof LovageError && error.code === "JOB_NOT_FOUND")) throw error;
        });
        // A job with children that have not ended cannot complete.
        await redis.srem(`${key}:dependencies`, child);
      }
    },
  };
}

/** BullMQ keeps the reason only: "CODE: message". */
function toRecord(reason: string): ErrorRecord {
  const [, code = "JOB_FAILED", message = reason] = /^([A-Z][A-Z0-9_]+): (.*)$/s.exec(reason) ?? [];
  return { code, message, retryable: false };
}
