import { setTimeout as sleep } from "node:timers/promises";
import type { Client, JobHandle, JobSnapshot } from "../client/index.ts";
import { formatMilliseconds } from "../core/durations.ts";
import type { TaskTypes } from "../task/catalogue.ts";
import type { CliDoors } from "./doors.ts";
import { plain, toCoded } from "./error-report.ts";
import { exitCodeOf, exitCodes } from "./exit-codes.ts";
import { createProgressBar, type ProgressBar } from "./progress-bar.ts";
import type { Call } from "./run.ts";

/** How often a waiting person is told the job's state. Milliseconds. */
const lookInterval = 2000;

/**
 * Waits for a job's end and prints its result, with progress on standard error.
 * @returns the exit code: what became of the job
 */
export async function waitForJob(
  job: JobHandle,
  timeout: string,
  { client, screen, onInterrupt }: Call,
  { stderr, signal }: CliDoors,
): Promise<number> {
  const { id, task, queue } = job;
  const bar = screen.json ? undefined : createProgressBar(stderr, task);
  const over = new AbortController();
  const end = () => {
    over.abort();
    bar?.stop();
  };
  onInterrupt(() => {
    end();
    return { message: `interrupted; job ${id} goes on`, hint: `wait again with: lovage result ${id}` };
  });
  if (bar !== undefined) {
    // What is shown is a courtesy: only the result decides how the wait ends.
    void showProgress(job, bar, over.signal).catch(() => {});
    void showState(job, client(), bar, over.signal).catch(() => {});
  }
  const started = Date.now();
  try {
    const output = (await job.result({ timeout })) ?? null;
    if (signal.aborted) return exitCodes.interrupted;
    bar?.show({ fraction: 1, message: `completed after ${formatMilliseconds(Date.now() - started)}` });
    end();
    const document = { id, task, queue, state: "completed", output };
    screen.answer(document, () => JSON.stringify(output, undefined, 2));
    return exitCodes.success;
  } catch (thrown) {
    if (signal.aborted) return exitCodes.interrupted;
    end();
    const error = toCoded(thrown);
    screen.error(error, id);
    const exitCode = exitCodeOf(error.code, true);
    if (exitCode === exitCodes.failure) screen.note(`job ${id}: its log is shown by: lovage logs ${id}`);
    return exitCode;
  }
}

/** Whether a worker takes jobs from a queue, as far as Redis tells; true where it does not. */
export async function isServed(client: Client<TaskTypes>, queue: string): Promise<boolean> {
  try {
    const found = (await client.inspect.queues()).find((candidate) => candidate.queue === queue);
    return found?.workers !== 0;
  } catch {
    return true;
  }
}

async function showProgress(job: JobHandle, bar: ProgressBar, over: AbortSignal): Promise<void> {
  for await (const progress of job.progress()) {
    if (over.aborted) return;
    bar.show({ ...progress, message: plain(progress.message) });
  }
}

/** Tells why nothing moves: nobody takes the job, or a failed attempt waits for the next. */
async function showState(
  job: JobHandle,
  client: Client<TaskTypes>,
  bar: ProgressBar,
  over: AbortSignal,
): Promise<void> {
  let told = "";
  for (;;) {
    const snapshot = await job.snapshot();
    const text = describeState(snapshot, snapshot.state !== "waiting" || (await isServed(client, job.queue)));
    if (over.aborted) return;
    // Told once each, or it would cover the task's own messages.
    if (text !== told && text !== "") bar.show({ fraction: null, message: text });
    told = text;
    await sleep(lookInterval, undefined, { signal: over });
  }
}

function describeState({ state, attempt, attempts, error, queue }: JobSnapshot, served: boolean): string {
  if (error !== undefined && (state === "scheduled" || state === "waiting")) {
    return `attempt ${attempt} of ${attempts} failed (${error.code}: ${plain(error.message)}); the next follows`;
  }
  if (state === "scheduled") return "waiting for its time";
  if (state !== "waiting") return "";
  return served ? "waiting for a worker" : `waiting; no worker is seen on queue ${queue}`;
}
