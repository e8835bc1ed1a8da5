import { setTimeout as sleep } from "node:timers/promises";
import { LovageError } from "../core/errors.ts";
import type { Broker } from "../queue/broker.ts";
import { callId } from "../queue/call-id.ts";
import type { HeldJob } from "../queue/held-job.ts";
import { readManifests } from "../queue/manifests.ts";
import { type PreparedJob, prepareJob, type Target } from "../queue/producer.ts";
import type { WorkflowRecord } from "../queue/workflow-record.ts";
import { sleepName } from "../task/builtin.ts";
import { chunkName } from "../task/canvas.ts";
import type { Catalogue } from "../task/catalogue.ts";
import type { TaskContext } from "../task/context.ts";
import type { EnqueueGate } from "../task/enqueue-hooks.ts";
import { type Attempt, parked } from "../task/execute.ts";
import { workflowFunctionOf } from "../task/workflow.ts";
import { createWorkflowContext, type WorkflowHost } from "../task/workflow-context.ts";
import { type History, placesOf, WorkflowRun, type WorkflowRunHost } from "../task/workflow-run.ts";
import { sendOutgoing } from "./outgoing.ts";

/** What the calls of workflows need. */
export interface WorkflowParts {
  broker: Broker;
  catalogue: Catalogue;
  /** What the hooks do to each call. */
  gate: EnqueueGate | undefined;
  /** Milliseconds since 1970 by Redis' clock, by which the calls' delays end. */
  now(): number;
}

/** A call that the function makes, before its place is known to Redis. */
type MadeCall = () => Promise<PreparedJob>;

/** Runs a workflow's function as far as it gets; resolves to its result or, when it waits for calls, to `parked`. */
export async function runWorkflow(
  parts: WorkflowParts,
  attempt: Attempt<HeldJob>,
  context: TaskContext,
): Promise<unknown> {
  const record = keeping(attempt.delivery.workflow());
  const letGo = record.keepLock();
  try {
    return await runUntilParked(parts, attempt, context, record);
  } finally {
    letGo();
  }
}

async function runUntilParked(
  parts: WorkflowParts,
  { delivery: job, signals, input, task, call }: Attempt<HeldJob>,
  context: TaskContext,
  record: WorkflowRecord,
): Promise<unknown> {
  for (;;) {
    const { history = firstHistory(parts.now()), outcomes } = await record.load();
    const host: WorkflowRunHost<MadeCall> = {
      signal: signals.end,
      now: parts.now,
      save: (next) => record.save(next),
      saveStep: (place, outcome) => record.saveStep(place, outcome),
      async add(calls, added) {
        const jobs = await Promise.all(calls.map((make) => make()));
        const { gate } = parts;
        const { headers } = call.meta;
        await sendOutgoing(jobs, { headers, gate, add: () => record.add(jobs, added) });
      },
    };
    const workflowRun = new WorkflowRun(history, outcomes, host);
    const workflow = createWorkflowContext(context, workflowRun, hostOf(parts, job));
    const ran = await workflowRun.run(async () => workflowFunctionOf(task)(input, workflow));
    if (ran.type === "ended") {
      await record.cancelCalls("the workflow ended without waiting for it");
      return ran.value;
    }
    if (await record.park(workflowRun.pending)) return parked;
    await loseVanished(record, history);
  }
}

function firstHistory(startedAt: number): History {
  return { calls: [], batches: [], startedAt, added: 0 };
}

/** Nothing is pending, so every call should have an outcome; a job that somebody removed by hand has none. */
async function loseVanished(record: WorkflowRecord, history: History): Promise<void> {
  const { outcomes } = await record.load();
  const places = placesOf(history).filter((place) => !outcomes.has(place));
  if (places.length > 0) await record.lose(places);
}

/** A Redis that fails in the middle must not fail the workflow: the job is taken up again when its lock has run out. */
function keeping(record: WorkflowRecord): WorkflowRecord {
  const kept = <Args extends unknown[], T>(act: (...args: Args) => Promise<T>) => {
    return async (...args: Args): Promise<T> => {
      try {
        return await act(...args);
      } catch (error) {
        // A Redis that is full has room again one day, and what the workflow did so far is kept.
        if (error instanceof LovageError && error.code !== "REDIS_FULL") throw error;
        throw new LovageError("LOCK_LOST", "the workflow's record could not be kept", { cause: error });
      }
    };
  };
  return {
    keepLock: record.keepLock,
    load: kept(record.load),
    save: kept(record.save),
    saveStep: kept(record.saveStep),
    add: kept(record.add),
    park: kept(record.park),
    lose: kept(record.lose),
    cancelCalls: kept(record.cancelCalls),
  };
}

/** How a workflow's calls become jobs. */
function hostOf(parts: WorkflowParts, job: HeldJob): WorkflowHost<MadeCall> {
  return {
    call: (place, task, input, options) => async () =>
      prepareJob(
        await findTarget(parts, task, input),
        input,
        options,
        callId(parts.broker.keys, job.id, place),
        parts.now(),
      ),
    sleep: (place, delay) => {
      const target: Target = { name: sleepName, queue: job.queue, retry: { attempts: 1 } };
      return async () =>
        prepareJob(target, {}, { delay }, callId(parts.broker.keys, job.id, place), parts.now());
    },
    async pause(milliseconds, signal) {
      // An abort ends the whole run; the step need not.
      await sleep(milliseconds, undefined, { signal }).catch(() => {});
    },
  };
}

/** Where a task's jobs go: as this worker knows it, else as another published it. */
async function findTarget(
  { broker, catalogue }: Pick<WorkflowParts, "broker" | "catalogue">,
  name: string,
  input: unknown,
): Promise<Target> {
  if (name === chunkName) {
    const { queue } = await findTarget({ broker, catalogue }, (input as { task: string }).task, undefined);
    return { ...catalogue.get(name), queue };
  }
  try {
    return catalogue.get(name);
  } catch (error) {
    const manifest = (await readManifests(broker)).find((candidate) => candidate.name === name);
    if (manifest !== undefined) return manifest;
    throw error;
  }
}
