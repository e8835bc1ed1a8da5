import { AssertionError } from "node:assert";
import { isDeepStrictEqual } from "node:util";
import type * as z from "zod";
import type { AnyTask } from "../task/catalogue.ts";

/** One call that was enqueued in a test. */
export interface EnqueuedCall {
  readonly id: string;
  readonly task: string;
  readonly input: unknown;
  readonly options: Readonly<Record<string, unknown>>;
  /** What hooks gave it, or it inherited from the job that made it. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What to look for; of objects it is enough that the fields given are equal. */
export interface CallMatch {
  task?: string | { readonly name: string };
  input?: unknown;
  options?: object;
}

/** All calls that were enqueued, in order. */
export interface EnqueuedCalls {
  readonly all: readonly EnqueuedCall[];
  /** The first that matches. */
  find(match: CallMatch): EnqueuedCall | undefined;
  filter(match: CallMatch): EnqueuedCall[];
  /** Forgets them. */
  clear(): void;
}

export function createEnqueuedCalls(): EnqueuedCalls & { add(call: EnqueuedCall): void } {
  let calls: EnqueuedCall[] = [];
  const filter = (match: CallMatch) => calls.filter((call) => fits(call, match));
  return {
    get all() {
      return calls;
    },
    add: (call) => void calls.push(call),
    find: (match) => filter(match)[0],
    filter,
    clear() {
      calls = [];
    },
  };
}

/** A value of which any part may be left out. */
export type PartOf<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { [K in keyof T]?: PartOf<T[K]> }
    : T;

/**
 * Demands that a task was enqueued, with an input that has at least the fields given; returns the call.
 * @param source an eager client, or what `perform` resolved to
 * @throws AssertionError of `node:assert`, which any test runner understands, listing what was enqueued
 */
export function expectEnqueued<T extends AnyTask>(
  source: { readonly enqueued: EnqueuedCalls },
  task: T,
  input?: PartOf<z.input<T["input"]>>,
): EnqueuedCall;
export function expectEnqueued(
  source: { readonly enqueued: EnqueuedCalls },
  task: string,
  input?: unknown,
): EnqueuedCall;
export function expectEnqueued(
  { enqueued }: { readonly enqueued: EnqueuedCalls },
  task: string | AnyTask,
  input?: unknown,
): EnqueuedCall {
  const name = typeof task === "string" ? task : task.name;
  const match = input === undefined ? { task: name } : { task: name, input };
  const found = enqueued.find(match);
  if (found !== undefined) return found;
  const wanted = input === undefined ? "" : ` with ${JSON.stringify(input)} in its input`;
  const calls = enqueued.all.map(
    (call, index) => `  ${index + 1}. ${call.task} ${JSON.stringify(call.input)}`,
  );
  const there = calls.length === 0 ? "nothing was enqueued" : `enqueued were:\n${calls.join("\n")}`;
  throw new AssertionError({
    message: `expected a call of ${name}${wanted}; ${there}`,
    actual: enqueued.filter({ task: name }).map((call) => call.input),
    expected: [input],
    operator: "expectEnqueued",
    stackStartFn: expectEnqueued,
  });
}

function fits(call: EnqueuedCall, { task, input, options }: CallMatch): boolean {
  if (task !== undefined && call.task !== (typeof task === "string" ? task : task.name)) return false;
  return (
    (input === undefined || has(call.input, input)) && (options === undefined || has(call.options, options))
  );
}

function has(value: unknown, part: unknown): boolean {
  if (!isPlain(part)) return isDeepStrictEqual(value, part);
  return isPlain(value) && Object.entries(part).every(([key, wanted]) => has(value[key], wanted));
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
