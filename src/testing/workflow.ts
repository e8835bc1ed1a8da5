import { LovageError, toLovageError } from "../core/errors.ts";
import type { CallOptions } from "../task/call-options.ts";
import type { TaskContext } from "../task/context.ts";
import type { Attempt } from "../task/execute.ts";
import { workflowFunctionOf } from "../task/workflow.ts";
import { createWorkflowContext, type WorkflowHost } from "../task/workflow-context.ts";
import { type CallOutcome, type History, WorkflowRun } from "../task/workflow-run.ts";

/** What a workflow's calls become in a test. */
export interface WorkflowGround {
  now(): number;
  /** Runs a call to its end; rejects with the job's error. */
  call(task: string, input: unknown, options: CallOptions): Promise<unknown>;
  /** Lets the time pass. */
  sleep(milliseconds: number): Promise<void>;
}

interface MadeCall {
  place: number;
  run(): Promise<unknown>;
}

/**
 * Runs a workflow by the worker's own engine, with its record in memory: its function is run again from its start after
 * each round of calls, so a test finds code that does not take the same way twice (`WORKFLOW_CHANGED`).
 */
export async function runTestWorkflow(
  { task, input, signals }: Attempt,
  context: TaskContext,
  ground: WorkflowGround,
): Promise<unknown> {
  const outcomes = new Map<number, CallOutcome>();
  const history: History = { calls: [], batches: [], startedAt: ground.now(), added: 0 };
  for (;;) {
    const made: MadeCall[] = [];
    const workflowRun: WorkflowRun<MadeCall> = new WorkflowRun(history, outcomes, {
      signal: signals.end,
      now: ground.now,
      save: async () => {},
      saveStep: async (place, outcome) => void outcomes.set(place, outcome),
      add: async (calls) => void made.push(...calls),
    });
    const workflow = createWorkflowContext(context, workflowRun, hostOf(ground));
    const ran = await workflowRun.run(async () => workflowFunctionOf(task)(input, workflow));
    if (ran.type === "ended") return ran.value;
    for (const { place, run } of made) outcomes.set(place, await outcomeOf(run));
  }
}

function hostOf(ground: WorkflowGround): WorkflowHost<MadeCall> {
  return {
    call: (place, task, input, options) => ({ place, run: () => ground.call(task, input, options) }),
    sleep: (place, milliseconds) => ({ place, run: () => ground.sleep(milliseconds) }),
    pause: async () => {},
  };
}

async function outcomeOf(act: () => Promise<unknown>): Promise<CallOutcome> {
  try {
    const value = await act();
    return { value: value === undefined ? undefined : JSON.parse(JSON.stringify(value)) };
  } catch (thrown) {
    return { error: toLovageError(thrown).toRecord() };
  }
}

/** The result that a test gives to a workflow's call. @throws LovageError `CALL_UNSCRIPTED`, or what the test throws */
export async function scriptedResult(
  calls: Readonly<Record<string, unknown>>,
  task: string,
  input: unknown,
): Promise<unknown> {
  if (!Object.hasOwn(calls, task)) {
    throw new LovageError(
      "CALL_UNSCRIPTED",
      `the workflow called ${task}, for which the test has no result`,
      {
        field: "calls",
        value: task,
        hint: `give perform one: { calls: { ${JSON.stringify(task)}: … } }, or use createEagerClient`,
      },
    );
  }
  const result = calls[task];
  return typeof result === "function" ? result(input) : result;
}
