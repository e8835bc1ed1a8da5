import { type ChildProcess, fork } from "node:child_process";
import { LovageError, toLovageError } from "../../core/errors.ts";
import type { TaskContext } from "../../task/context.ts";
import type { AttemptSignals } from "../../task/time-limits.ts";
import type { FromChild, RunRequest, ToChild } from "./messages.ts";
import { callContext } from "./remote-context.ts";
import { packThrown, unpackThrown } from "./thrown.ts";

/** One process for isolated tasks, as the worker holds it. */
export interface IsolatedRunner {
  /**
   * Runs one attempt; not before the last one has ended. When `signals.end` is aborted the process is killed at the
   * latest after a short grace, and only then this rejects, with the signal's reason.
   * @throws what the task threw; LovageError `ISOLATED_RUN_DIED` when the process ended without an answer
   */
  run(request: RunRequest, context: TaskContext, signals: AttemptSignals): Promise<unknown>;
  /** Attempts so far. */
  readonly runs: number;
  /** Memory after the last attempt. */
  readonly residentBytes: number;
  /** Whether it may run another attempt. */
  readonly usable: boolean;
  end(): Promise<void>;
}

/** How long a process that must end may take to say that it heard, and how long to tidy up then, in milliseconds. */
const grace = { hear: 200, tidy: 2000 };

export function startRunner(catalogueUrl: string): IsolatedRunner {
  const program = new URL("./child.ts", import.meta.url);
  const child = fork(program, [catalogueUrl, String(process.pid)], { serialization: "advanced" });
  // It must not keep a worker alive that has nothing else to do.
  child.unref();
  child.channel?.unref();
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  let runs = 0;
  let residentBytes = 0;
  let usable = true;
  // A fork that fails has no exit; its runs hear of it by their own listener.
  child.on("error", () => {
    usable = false;
  });
  child.once("exit", () => {
    usable = false;
  });

  const send = (message: ToChild) => void (child.connected && child.send(message, () => {}));
  const kill = () => void child.kill("SIGKILL");

  async function answerCall(
    message: Extract<FromChild, { type: "call" }>,
    context: TaskContext,
  ): Promise<void> {
    const { id, name, args } = message;
    try {
      send({ type: "answer", id, value: await callContext(context, name, args) });
    } catch (error) {
      send({ type: "refusal", id, error: packThrown(error) });
    }
  }

  async function run(request: RunRequest, context: TaskContext, signals: AttemptSignals): Promise<unknown> {
    runs += 1;
    const answer = Promise.withResolvers<unknown>();
    const timers: NodeJS.Timeout[] = [];
    let heard = false;
    const onMessage = (message: FromChild) => {
      if (message.type === "returned" || message.type === "threw") residentBytes = message.residentBytes;
      if (message.type === "returned") answer.resolve(message.value);
      else if (message.type === "threw") answer.reject(unpackThrown(message.error));
      else if (message.type === "broken") answer.reject(broken(unpackThrown(message.error)));
      else if (message.type === "heard") heard = true;
      else if (message.type === "log") context.logger[message.level](message.fields, message.message);
      else void answerCall(message, context);
    };
    const onExit = () => answer.reject(died(child));
    const onError = (error: Error) => answer.reject(broken(error));
    const tell = (reason: unknown) => send({ type: "abort", reason: toLovageError(reason).toRecord() });
    const onSoft = () => tell(signals.task.reason);
    const onEnd = () => {
      usable = false;
      heard = false;
      tell(signals.end.reason);
      // With the lock lost another worker may begin at any moment.
      const patience = signals.end.reason?.code === "LOCK_LOST" ? { hear: 0, tidy: 0 } : grace;
      timers.push(
        setTimeout(() => heard || kill(), patience.hear),
        setTimeout(kill, patience.tidy),
      );
    };
    child.on("message", onMessage).once("exit", onExit).once("error", onError);
    if (!usable) onExit();
    send({ type: "run", ...request });
    signals.task.addEventListener("abort", onSoft, { once: true });
    signals.end.addEventListener("abort", onEnd, { once: true });
    if (signals.task.aborted) onSoft();
    if (signals.end.aborted) onEnd();
    try {
      const value = await answer.promise;
      // As in the worker itself, the late result of a task that had to end is dropped.
      signals.end.throwIfAborted();
      return value;
    } catch (error) {
      if (error instanceof LovageError && error.code === "ISOLATED_RUN_DIED") usable = false;
      throw signals.end.aborted ? signals.end.reason : error;
    } finally {
      for (const timer of timers) clearTimeout(timer);
      signals.task.removeEventListener("abort", onSoft);
      signals.end.removeEventListener("abort", onEnd);
      child.off("message", onMessage).off("exit", onExit).off("error", onError);
    }
  }

  return {
    run,
    get runs() {
      return runs;
    },
    get residentBytes() {
      return residentBytes;
    },
    get usable() {
      return usable;
    },
    async end() {
      usable = false;
      if (child.pid === undefined) return;
      kill();
      await exited;
    },
  };
}

function died({ exitCode, signalCode }: ChildProcess): LovageError {
  const how = signalCode === null ? `exit code ${exitCode}` : `signal ${signalCode}`;
  return new LovageError("ISOLATED_RUN_DIED", `the process of the isolated task ended with ${how}`, {
    value: signalCode ?? exitCode,
    hint: "it may have run out of memory, crashed in native code, or called process.exit",
  });
}

function broken(cause: Error): LovageError {
  return new LovageError(
    "ISOLATED_RUN_DIED",
    `the process for isolated tasks could not start: ${cause.message}`,
    {
      cause,
      hint: "the module of the catalogue must load, and export `catalogue`",
    },
  );
}
