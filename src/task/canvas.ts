import * as z from "zod";
import type { LovageError } from "../core/errors.ts";
import type { CallOptions } from "./call-options.ts";
import { inputAfter } from "./continuation.ts";
import type { Callable, WorkflowContext } from "./workflow.ts";

/**
 * What becomes of a group when one of its calls fails: `wait` (the default, as Celery does) lets the others end and then
 * fails with the first failure in order; `fail-fast` fails at once and cancels the others; `collect` never fails and gives
 * `{ status: "fulfilled", value }` or `{ status: "rejected", error: { code, message } }` for each, in order.
 */
export type GroupFailure = "wait" | "fail-fast" | "collect";

/** A call of a task that has not been made yet; Celery's signature. */
export interface Signature {
  type: "call";
  task: string;
  /** Absent: what came before it in its chain. */
  input?: unknown;
  /** The field of the input in which what came before is put. Absent with an input: what came before is not used. */
  into?: string | undefined;
  options?: Record<string, unknown> | undefined;
}

/** A composition of calls, as it travels. */
export type CanvasNode =
  | Signature
  | { type: "chain"; nodes: CanvasNode[] }
  | { type: "group"; nodes: CanvasNode[]; failure?: GroupFailure | undefined }
  | {
      type: "map";
      task: string;
      inputs: unknown[];
      /** Absent: each input is a call of its own. */
      size?: number | undefined;
      failure?: GroupFailure | undefined;
      options?: Record<string, unknown> | undefined;
    };

const Failure = z.enum(["wait", "fail-fast", "collect"]).optional();
const Options = z.record(z.string(), z.unknown()).optional();

export const CanvasNode: z.ZodType<CanvasNode> = z.lazy(() =>
  z.discriminatedUnion("type", [
    z.strictObject({
      type: z.literal("call"),
      task: z.string(),
      input: z.unknown().optional(),
      into: z.string().optional(),
      options: Options,
    }),
    z.strictObject({ type: z.literal("chain"), nodes: z.array(CanvasNode).min(1) }),
    z.strictObject({ type: z.literal("group"), nodes: z.array(CanvasNode), failure: Failure }),
    z.strictObject({
      type: z.literal("map"),
      task: z.string(),
      inputs: z.array(z.unknown()),
      size: z.number().int().min(1).optional(),
      failure: Failure,
      options: Options,
    }),
  ]),
);

/** A composition that a client can enqueue, with the type of what it ends with. */
export type Canvas<Output = unknown> = CanvasNode & { readonly [outputOf]?: Output };

declare const outputOf: unique symbol;

type OutputOf<C> = C extends { readonly [outputOf]?: infer Output } ? Output : unknown;
type OutputsOf<Nodes extends readonly Canvas[]> = { -readonly [K in keyof Nodes]: OutputOf<Nodes[K]> };
type LastOf<Nodes extends readonly Canvas[]> = Nodes extends readonly [...unknown[], infer Last]
  ? OutputOf<Last>
  : unknown;

/** Either form of naming a task. */
type Named<Output extends z.ZodType> = Callable<z.ZodType, Output> | string;

interface SignatureOptions extends CallOptions {
  /** The field of the input in which the result before it in a chain is put. */
  into?: string;
}

/**
 * A call to be made as part of a composition.
 * @param input absent: the result before it in its chain is the whole input; with `into` it is put into that field; else it
 * is not used (Celery's immutable signature)
 */
export function signature<Output extends z.ZodType>(
  task: Named<Output>,
  input?: unknown,
  { into, ...options }: SignatureOptions = {},
): Canvas<z.output<Output>> {
  return {
    type: "call",
    task: nameOf(task),
    ...(input !== undefined && { input }),
    ...(into !== undefined && { into }),
    ...(Object.keys(options).length > 0 && { options: { ...options } }),
  };
}

/** One after another, each with the result of the one before. A task after a group is called once with all its results. */
export function chain<const Nodes extends readonly Canvas[]>(...nodes: Nodes): Canvas<LastOf<Nodes>> {
  return { type: "chain", nodes: [...nodes] };
}

/** All at once; ends with their results, in order. */
export function group<const Nodes extends readonly Canvas[]>(
  nodes: Nodes,
  options: { failure?: GroupFailure } = {},
): Canvas<OutputsOf<Nodes>> {
  return { type: "group", nodes: [...nodes], ...options };
}

/** A group, and a body that is called once with all its results, in order. It is not called when one of them fails. */
export function chord<Body extends Canvas>(header: readonly Canvas[], body: Body): Canvas<OutputOf<Body>> {
  return { type: "chain", nodes: [{ type: "group", nodes: [...header] }, body] };
}

/** One task for each of the inputs, all at once; ends with the results, in order. */
export function map<Output extends z.ZodType>(
  task: Named<Output>,
  inputs: readonly unknown[],
  { failure, ...options }: CallOptions & { failure?: GroupFailure } = {},
): Canvas<z.output<Output>[]> {
  return {
    type: "map",
    task: nameOf(task),
    inputs: [...inputs],
    ...(failure && { failure }),
    ...(Object.keys(options).length > 0 && { options: { ...options } }),
  };
}

/**
 * Like {@link map}, with `size` inputs to a job, which runs the task for one after another: for many small ones. Ends with
 * the results of each job, in order, as Celery's does: `.flat()` makes one list of them. Not for Ray tasks and workflows.
 */
export function chunks<Output extends z.ZodType>(
  task: Named<Output>,
  inputs: readonly unknown[],
  size: number,
  options: CallOptions & { failure?: GroupFailure } = {},
): Canvas<z.output<Output>[][]> {
  return { ...map(task, inputs, options), size } as Canvas<z.output<Output>[][]>;
}

function nameOf(task: Named<z.ZodType>): string {
  return typeof task === "string" ? task : task.name;
}

/** One task of a composition, as far as it is known before it runs. */
export interface ComposedCall {
  task: string;
  /** Undefined where the input depends on a result. */
  inputs: unknown[] | undefined;
  options: Record<string, unknown>;
  /** Whether its inputs are run in chunks. */
  chunked: boolean;
}

export function* callsOf(node: CanvasNode, first = true): Generator<ComposedCall> {
  if (node.type === "call") {
    const { task, input, into, options = {} } = node;
    const complete = first || (into === undefined && input !== undefined);
    yield {
      task,
      inputs: complete ? [input === undefined ? {} : input] : undefined,
      options,
      chunked: false,
    };
  } else if (node.type === "map") {
    const { task, inputs, options = {}, size } = node;
    yield { task, inputs, options, chunked: size !== undefined };
  } else {
    for (const [index, next] of node.nodes.entries()) {
      yield* callsOf(next, first && (node.type === "group" || index === 0));
    }
  }
}

/** The workflow behind compositions. */
export const canvasName = "lovage.canvas";

/** The task behind {@link chunks}; its jobs run on the queue of the task that they run. */
export const chunkName = "lovage.chunk";

type CanvasContext = Pick<WorkflowContext, "call">;

/** What the workflow behind compositions may do beyond others. */
export interface CanvasWorkflowContext extends WorkflowContext {
  /** What was given to `checkpoint` last, in an earlier run of the function. */
  readonly resumed: unknown;
  /** Has the function begin with `state` when it is run again. */
  checkpoint(state: unknown): void;
}

/** How far a chain has come. */
interface ChainProgress {
  done: number;
  last: unknown;
}

/** A result of more characters is not kept once more with the chain's progress. */
const mostKept = 16 * 1024;

/** Runs a whole composition. A chain goes on where it was, so that each of its calls costs the same however many it has. */
export async function runWholeCanvas(node: CanvasNode, context: CanvasWorkflowContext): Promise<unknown> {
  if (node.type !== "chain") return runCanvas(node, context);
  let { done, last } = (context.resumed ?? { done: 0, last: undefined }) as ChainProgress;
  for (const next of node.nodes.slice(done)) {
    last = await runCanvas(next, context, last);
    done += 1;
    if ((JSON.stringify(last) ?? "").length <= mostKept)
      context.checkpoint({ done, last } satisfies ChainProgress);
  }
  return last;
}

/** Runs a composition within a workflow. */
async function runCanvas(node: CanvasNode, context: CanvasContext, before?: unknown): Promise<unknown> {
  switch (node.type) {
    case "call":
      return context.call(node.task, inputOf(node, before), node.options);
    case "chain": {
      let last = before;
      for (const next of node.nodes) last = await runCanvas(next, context, last);
      return last;
    }
    case "group":
      return together(
        node.nodes.map((next) => runCanvas(next, context, before)),
        node.failure,
      );
    case "map":
      return together(
        partsOf(node).map((part) => context.call(part.task, part.input, node.options)),
        node.failure,
      );
  }
}

function inputOf(node: Signature, before: unknown): unknown {
  const input = inputAfter(node, before);
  return input === undefined ? {} : input;
}

function partsOf({
  task,
  inputs,
  size,
}: Extract<CanvasNode, { type: "map" }>): { task: string; input: unknown }[] {
  if (size === undefined) return inputs.map((input) => ({ task, input }));
  const parts = [];
  for (let from = 0; from < inputs.length; from += size) {
    parts.push({ task: chunkName, input: { task, inputs: inputs.slice(from, from + size) } });
  }
  return parts;
}

async function together(calls: Promise<unknown>[], failure: GroupFailure = "wait"): Promise<unknown[]> {
  if (failure === "fail-fast") return Promise.all(calls);
  const results = await Promise.allSettled(calls);
  if (failure === "wait") {
    return results.map((result) => {
      if (result.status === "rejected") throw result.reason;
      return result.value;
    });
  }
  return results.map((result) => {
    if (result.status === "fulfilled") return result;
    const { code, message } = result.reason as LovageError;
    return { status: "rejected", error: { code, message } };
  });
}
