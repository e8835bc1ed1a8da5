import { randomUUID } from "node:crypto";
import * as z from "zod";
import { type Duration, toMilliseconds } from "../core/durations.ts";
import { type ErrorRecord, LovageError, toLovageError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { suggestion } from "../core/suggestion.ts";
import type { Broker } from "./broker.ts";
import {
  type ControlAnswers,
  type ControlArguments,
  type ControlCommand,
  controlRequests,
} from "./control-commands.ts";
import { type Registration, readRegistry, type WorkerRecord } from "./registry.ts";
import { createSubscriber, type Subscriber } from "./subscriber.ts";
import { isDead } from "./workers.ts";

/** Whom a request is for, and how long its answers are waited for. */
export interface AskOptions {
  /** Names of workers. Default: all. */
  workers?: readonly string[];
  /** Default "1s"; the wait ends as soon as all live ones have answered. */
  timeout?: Duration;
}

/** What came of a request: every worker it was for is in one of the lists. */
export interface Answers<Answer> {
  answers: { worker: string; answer: Answer /** Until the answer came. */; milliseconds: number }[];
  /** Workers that refused, or could not. */
  refusals: { worker: string; error: ErrorRecord }[];
  /** Live by their beats, but without an answer in time. */
  silent: string[];
  /** Without a beat for ten seconds; they were not asked. */
  dead: string[];
}

const Request = z.object({
  id: z.string().max(100),
  client: z.string().max(100),
  command: z.enum(Object.keys(controlRequests) as [ControlCommand, ...ControlCommand[]]),
  args: z.unknown().optional(),
  workers: z.array(z.string()).optional(),
  /** Milliseconds since 1970, by Redis' clock: a worker that wakes up later leaves the request alone. */
  until: z.number(),
});

const Reply = z.object({
  id: z.string(),
  worker: z.string(),
  answer: z.unknown().optional(),
  error: z.looseObject({ code: z.string(), message: z.string(), retryable: z.boolean() }).optional(),
});

/** How much later than asked for a request may reach a worker, in milliseconds. */
const lateness = 2000;

/** Asks workers, over a connection of its own that is opened at the first wish. */
export interface Asker {
  /** @throws LovageError `WORKER_UNKNOWN` for a name that no worker has, live or dead */
  ask<C extends ControlCommand>(
    command: C,
    args: ControlArguments<C>,
    options?: AskOptions,
  ): Promise<Answers<ControlAnswers[C]>>;
  close(): Promise<void>;
}

export function createAsker(broker: Broker): Asker {
  const { redis, keys } = broker;
  const client = randomUUID();
  const open = new Map<string, (reply: z.infer<typeof Reply>) => void>();
  let subscriber: Subscriber | undefined;
  let listening: Promise<void> | undefined;

  async function listen(): Promise<void> {
    subscriber = createSubscriber(broker);
    await subscriber.hear(keys.answers(client), (message) => {
      const reply = Reply.safeParse(parseJson(message));
      if (reply.success) open.get(reply.data.id)?.(reply.data);
    });
    try {
      await subscriber.start();
    } catch (error) {
      // The next question tries again.
      listening = undefined;
      await subscriber.stop();
      throw error;
    }
  }

  return {
    async ask(command, args, { workers, timeout = "1s" } = {}) {
      const milliseconds = toMilliseconds(timeout, "timeout");
      checkArguments(command, args);
      listening ??= listen();
      await listening;
      const known = await readRegistry(broker);
      const asked = workers === undefined ? known : pick(known, workers);
      const dead = asked.filter(isDead).map(({ name }) => name);
      const missing = new Set(asked.filter((worker) => !isDead(worker)).map(({ name }) => name));
      const result: Answers<never> = { answers: [], refusals: [], silent: [], dead };
      if (missing.size === 0) return result;

      const id = randomUUID();
      const [seconds] = await redis.time();
      const until = Number(seconds) * 1000 + milliseconds + lateness;
      const request = { id, client, command, args, until, ...(workers && { workers: [...missing] }) };
      const { promise: all, resolve: onAll } = Promise.withResolvers<void>();
      const timer = setTimeout(onAll, milliseconds);
      const began = performance.now();
      open.set(id, ({ worker, answer, error }) => {
        if (error !== undefined) result.refusals.push({ worker, error: error as unknown as ErrorRecord });
        else {
          const took = Math.round(performance.now() - began);
          result.answers.push({ worker, answer: answer as never, milliseconds: took });
        }
        missing.delete(worker);
        if (missing.size === 0) onAll();
      });
      try {
        await redis.publish(keys.control, JSON.stringify(request));
        await all;
      } finally {
        clearTimeout(timer);
        open.delete(id);
      }
      result.answers.sort((a, b) => (a.worker < b.worker ? -1 : 1));
      return { ...result, silent: [...missing] };
    },
    async close() {
      await subscriber?.stop();
    },
  };
}

function pick(known: readonly WorkerRecord[], names: readonly string[]): WorkerRecord[] {
  return [...new Set(names)].map((name) => {
    const worker = known.find((candidate) => candidate.name === name);
    if (worker !== undefined) return worker;
    throw unknownWorker(
      name,
      known.map((candidate) => candidate.name),
    );
  });
}

export function unknownWorker(name: string, known: readonly string[]): LovageError {
  const near = suggestion(name, known);
  const there = known.length === 0 ? "no worker is known" : `there are: ${known.join(", ")}`;
  return new LovageError("WORKER_UNKNOWN", `no worker is named ${JSON.stringify(name)}`, {
    field: "workers",
    value: name,
    hint: near === undefined ? there : `did you mean ${near}?`,
  });
}

function checkArguments(command: ControlCommand, given: unknown): unknown {
  const args = controlRequests[command].safeParse(given);
  if (args.success) return args.data;
  throw new LovageError("INPUT_INVALID", `${command}: ${z.prettifyError(args.error)}`, {
    field: args.error.issues[0]?.path.join(".") || "arguments",
    value: given,
  });
}

/** What a worker does when it is asked; its arguments have been checked. */
export type ControlHandlers = {
  [C in ControlCommand]: (args: ControlArguments<C>) => ControlAnswers[C] | Promise<ControlAnswers[C]>;
};

/** Answers requests from the subscriber's start on. */
export async function answerRequests(
  { redis, keys }: Broker,
  subscriber: Subscriber,
  registration: Registration,
  handlers: ControlHandlers,
  onError: (error: Error) => void,
): Promise<void> {
  async function carryOut(command: ControlCommand, given: unknown): Promise<unknown> {
    return (handlers[command] as (args: unknown) => unknown)(checkArguments(command, given));
  }

  async function answer(message: string): Promise<void> {
    // Anybody may publish; what is no request must not end the worker.
    const request = Request.safeParse(parseJson(message));
    if (!request.success) return;
    const { id, client, command, args, workers, until } = request.data;
    const { name, clockOffset } = registration;
    if (workers !== undefined && !workers.includes(name)) return;
    // A process that was stopped finds what was said meanwhile; who asked was told that it did not answer.
    if (Date.now() + clockOffset > until) return;
    let reply: object;
    try {
      reply = { id, worker: name, answer: await carryOut(command, args) };
    } catch (error) {
      const { stack: _stack, ...record } = toLovageError(error).toRecord();
      reply = { id, worker: name, error: record };
    }
    await redis.publish(keys.answers(client), JSON.stringify(reply));
  }

  await subscriber.hear(keys.control, (message) => void answer(message).catch(onError));
}
