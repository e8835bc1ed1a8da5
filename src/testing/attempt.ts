import { untilAborted } from "../core/abort.ts";
import { LovageError } from "../core/errors.ts";
import type { ChunkContext } from "../task/builtin.ts";
import type { CallOptions } from "../task/call-options.ts";
import { chunkName } from "../task/canvas.ts";
import type { AnyTask, Catalogue } from "../task/catalogue.ts";
import type { Call } from "../task/codec.ts";
import type { TaskContext, TaskMemory } from "../task/context.ts";
import type { Dependencies } from "../task/dependencies.ts";
import { type Attempt, type Delivery, type Executors, execute, type Outcome } from "../task/execute.ts";
import type { Hooks } from "../task/hooks.ts";
import { readRayProgram } from "../task/ray-program.ts";
import { createRunHooks, jobFacts } from "../task/run-hooks.ts";
import { validate } from "../task/validation.ts";
import { type ContextOverrides, createTestContext, type RunRecords } from "./context.ts";
import { failureOf, resultOf, type ScriptedRayJob } from "./scripted-jobs.ts";
import { runTestWorkflow } from "./workflow.ts";

/** In what an attempt runs in a test. */
export interface Ground {
  catalogue: Catalogue;
  overrides: ContextOverrides;
  hooks: readonly Hooks[];
  memory(task: string): TaskMemory;
  takeScript(program: string): ScriptedRayJob;
  /** What `context.enqueue` does, for a job with these headers. */
  enqueue(
    headers: Readonly<Record<string, string>> | undefined,
    ...call: Parameters<TaskContext["enqueue"]>
  ): Promise<string>;
  now(): number;
  /** What a workflow's call becomes; resolves to its result, rejects with its error. */
  call(
    headers: Readonly<Record<string, string>> | undefined,
    task: string,
    input: unknown,
    options: CallOptions,
  ): Promise<unknown>;
  /** Lets time pass. */
  sleep(milliseconds: number): Promise<void>;
}

/** A job as it lies in Redis. */
export interface TestJob extends Omit<Delivery, "data"> {
  readonly call: Call;
}

/** With what goes on to the call that comes next: also a result that is ignored. */
export type TestOutcome = Outcome & { passedOn?: unknown };

/** Runs one attempt through the very steps of a worker, without Redis. Limits of rate and concurrency do not hold. */
export async function runAttempt(
  job: TestJob,
  ground: Ground,
  records: RunRecords,
  told: () => void = () => {},
): Promise<TestOutcome> {
  let passedOn: unknown;
  // As it comes out of Redis: what JSON cannot carry is gone.
  const delivery: Delivery = { ...job, data: JSON.parse(JSON.stringify(job.call)) };
  const { dependencies = {} as Dependencies, workerName = "test" } = ground.overrides;
  const runHooks = createRunHooks(ground.hooks, {
    workerName,
    dependencies,
    onFault: (hook, error) =>
      records.logged.push({ level: "error", fields: { hook, err: error }, message: "a hook failed" }),
  });
  const context = (attempt: Attempt) => contextOf(attempt, ground, records, told);
  const executors: Executors<Delivery> = {
    catalogue: ground.catalogue,
    context,
    around: runHooks?.around,
    now: ground.now,
    async runRayJob({ task, input }) {
      return runScripted(task.ray?.program ?? task.name, input, ground, records);
    },
    runIsolated({ task, input, ...attempt }) {
      const running = task.run?.(input as never, context({ task, input, ...attempt }) as never);
      return untilAborted(Promise.resolve(running), attempt.signals.end);
    },
    runWorkflow: (attempt) =>
      runTestWorkflow(attempt, context(attempt), {
        now: ground.now,
        sleep: ground.sleep,
        call: (...call) => ground.call(attempt.call.meta.headers, ...call),
      }),
    // What comes next is called by whoever ends the job, after a failure as after a success.
    async callNext(_delivery, _call, output) {
      passedOn = asJson(output);
    },
    stopRayJob: async () => {},
    isLimited: () => false,
    admit: async () => ({ release: async () => {} }),
    rayJobAge: async () => 0,
    timeLimits: () => undefined,
  };
  const outcome = await execute(delivery, executors);
  await runHooks?.ended(delivery, outcome);
  if (outcome.type !== "completed") return outcome;
  return { ...outcome, output: asJson(outcome.output), ...(passedOn !== undefined && { passedOn }) };
}

function contextOf(
  { task, call, delivery, signals }: Attempt,
  ground: Ground,
  records: RunRecords,
  told: () => void,
): TaskContext {
  let ran = false;
  const context = createTestContext(
    {
      job: jobFacts(delivery, call.meta),
      signal: signals.task,
      records,
      told,
      memory: ground.memory(task.name),
      enqueue: (...request) => ground.enqueue(call.meta.headers, ...request),
      ray: {
        async run(program, input) {
          const { program: file } = readRayProgram(task.name, program);
          if (ran)
            throw new LovageError("RAY_JOB_SECOND", `${task.name} asked for a second Ray job, ${file}`);
          ran = true;
          return runScripted(file, input, ground, records);
        },
      },
    },
    ground.overrides,
  );
  if (task.name !== chunkName) return context;
  const chunk: ChunkContext = {
    ...context,
    async runInPlace(name, input) {
      const part = ground.catalogue.get(name);
      const checked = validate(part.input, input, "INPUT_INVALID", `the input of ${name}`);
      const result = await part.run?.(checked as never, chunk as never);
      return validate(part.output, result, "OUTPUT_INVALID", `the result of ${name}`);
    },
  };
  return chunk;
}

function runScripted(program: string, input: unknown, ground: Ground, records: RunRecords): unknown {
  const script = ground.takeScript(program);
  records.rayJobs.push({ program, input: asJson(input) });
  records.logs.push(...(script.log ?? []));
  for (const { fraction, message = "" } of script.progress ?? [])
    records.progress.push({ fraction, message });
  const failure = failureOf(script, program);
  if (failure !== undefined) throw failure;
  return resultOf(script, asJson(input));
}

function asJson(value: unknown): unknown {
  const text = JSON.stringify(value);
  return text === undefined ? undefined : JSON.parse(text);
}

/** The tasks that a test names, as a catalogue. */
export function catalogueWith(task: AnyTask, catalogue: Catalogue | undefined): Catalogue {
  const get = (name: string) => (name === task.name ? task : (catalogue?.get(name) ?? task));
  return { tasks: [task, ...(catalogue?.tasks.filter(({ name }) => name !== task.name) ?? [])], get };
}
