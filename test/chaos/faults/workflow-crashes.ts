import { once } from "node:events";
import { Worker } from "node:worker_threads";
import * as fc from "fast-check";
import { startOwnRedis } from "../../support/own-redis.ts";
import type { CrashTask, TriedProgram } from "../../workflow/crash-thread.ts";
import { deaths, type Trial } from "../../workflow/crash-trial.ts";
import { type Node, programs } from "../../workflow/program.ts";
import { type Books, noBooks } from "../books.ts";
import type { Fault } from "../fault.ts";

/** A trial mostly waits for Redis, so several are under way at once. */
const lanes = 4;

/** A worker that died without its process' end never lets go of what it held, so a thread has only so many. */
const trialsOfThread = 50;

/** Random workflows, whose workers die between any two commands to Redis, up to three times. */
export const workflowCrashes: Fault = {
  name: "workflow-crashes",
  title: "Workers die at any command of random workflows, which come to what they come to without",
  promise: "at least once",
  rounds: { quick: 1, long: 20 },
  patience: 30,
  async run({ number, random, quick, signal, say }) {
    const seed = random.whole(0, 2 ** 31 - 1);
    const trials = fc.sample(fc.tuple(programs, deaths), { seed, numRuns: quick ? 60 : 250 });
    const { length } = trials;
    const redis = await startOwnRedis();
    const books: Books = { ...noBooks };
    const notes = { crashes: 0, commands: 0, swept: 0 };
    const wrong: string[] = [];

    function note(trial: Trial, program: Node): void {
      books.enqueued += 1;
      if (trial.state === "completed" || trial.state === "failed") books[trial.state] += 1;
      for (const { what, text } of trial.faults) {
        books[what] += 1;
        wrong.push(`${text} in ${JSON.stringify(program)}`);
      }
      notes.crashes += trial.crashes;
      notes.commands += trial.commands.reduce((sum, sent) => sum + sent.length, 0);
      notes.swept += trial.swept;
      if (books.enqueued % 20 === 0)
        say(`${books.enqueued} of ${length} workflows, ${notes.crashes} crashes`);
    }

    try {
      for (let from = 0; from < length && !signal.aborted; from += trialsOfThread) {
        const some = trials.slice(from, from + trialsOfThread);
        const task: CrashTask = { redis: redis.url, prefix: `round-${number}-${from}`, trials: some, lanes };
        await inThread(task, ({ trial, program }) => note(trial, program), signal);
      }
      for (const text of wrong.slice(0, 5)) say(text);
      return { ...books, notes: { ...notes, ...(wrong[0] !== undefined && { wrong: wrong[0] }) } };
    } finally {
      await redis.remove();
    }
  },
};

async function inThread(
  task: CrashTask,
  tell: (tried: TriedProgram) => void,
  signal: AbortSignal,
): Promise<void> {
  const thread = new Worker(new URL("../../workflow/crash-thread.ts", import.meta.url), { workerData: task });
  let untold = task.trials.length;
  const all = Promise.withResolvers<void>();
  thread.on("message", (tried: TriedProgram) => {
    tell(tried);
    untold -= 1;
    if (untold === 0) all.resolve();
  });
  try {
    const ended = once(thread, "exit", { signal }).then(() => {
      throw new Error(`the thread ended with ${untold} programs untried`);
    });
    await Promise.race([all.promise, ended]);
    ended.catch(() => {});
  } finally {
    await thread.terminate();
  }
}
