import { operations } from "../../contract/index.ts";
import { type EnqueueOptions, readCallMeta } from "../../queue/enqueue-options.ts";
import { type CanvasNode, canvasName } from "../../task/canvas.ts";
import type { Catalogue, TaskManifest } from "../../task/catalogue.ts";
import { encodeCall } from "../../task/codec.ts";
import type { EnqueueGate, OutgoingJob } from "../../task/enqueue-hooks.ts";
import type { Backend, PlacedJob } from "../backend.ts";
import { checkCanvas, checkContinuations, checkInput, type PlainCall } from "../calls.ts";
import { entryOf, type TaskDirectory } from "../directory.ts";
import { checkCallOptions, toWireOptions } from "./call-options.ts";
import { toJson } from "./request.ts";
import type { Transport } from "./transport.ts";

/** What enqueuing over HTTP works with. */
export interface EnqueueParts {
  transport: Transport;
  /** The tasks that were given; what they say is checked here, all else by the API. */
  catalogue: Catalogue | undefined;
  tasks(): Promise<TaskManifest[]>;
  gate: EnqueueGate | undefined;
}

/** How many calls one request carries: the API takes no more. */
const callsAtOnce = 1000;

/** How large a request with several calls grows, in characters: the API takes a little more than one largest input. */
const charactersAtOnce = 512 * 1024;

/** A call as it travels. */
interface Draft {
  task: string;
  input: unknown;
  options: EnqueueOptions;
}

export function createEnqueuing(parts: EnqueueParts): Pick<Backend, "enqueue" | "start"> {
  const { transport, catalogue, tasks, gate } = parts;
  const given: Pick<TaskDirectory, "get"> | undefined = catalogue && {
    get: async (name) => entryOf(catalogue.get(name)),
  };
  let queues: Promise<Map<string, string>> | undefined;

  /** Refuses what does not fit, and makes the call one that may be sent twice. */
  async function draft({ task, input, options = {} }: PlainCall): Promise<Draft> {
    checkCallOptions(task, options);
    if (given !== undefined) {
      checkInput(await given.get(task), input);
      await checkContinuations(given, options);
    }
    const known = options.id !== undefined || options.idempotencyKey !== undefined;
    return { task, input, options: known ? options : { ...options, id: crypto.randomUUID() } };
  }

  /** Hooks are told it; "default" where the task is none that anybody knows, so that the API says so. */
  async function queueOf(task: string): Promise<string> {
    if (given !== undefined) return (await given.get(task)).queue;
    queues ??= tasks().then((known) => new Map(known.map(({ name, queue }) => [name, queue])));
    queues.catch(() => {
      queues = undefined;
    });
    return (await queues).get(task) ?? "default";
  }

  async function outgoing({ task, input, options }: Draft): Promise<OutgoingJob> {
    const queue = options.queue ?? (await queueOf(task));
    return { name: task, queue, data: encodeCall(input, readCallMeta(options)) };
  }

  /** Lets the calls pass the hooks on their way to `send`. */
  async function throughGate(
    drafts: readonly Draft[],
    send: (drafts: readonly Draft[]) => Promise<PlacedJob[]>,
  ): Promise<PlacedJob[]> {
    if (gate === undefined) return send(drafts);
    const jobs = await Promise.all(drafts.map(outgoing));
    await gate.before(jobs);
    const placed = await send(
      drafts.map((call, index) => {
        const headers = jobs[index]?.data.meta.headers;
        return headers === undefined ? call : { ...call, options: { ...call.options, headers } };
      }),
    );
    await gate.after(jobs, placed);
    return placed;
  }

  return {
    async enqueue(calls) {
      const drafts = [];
      for (const call of calls) drafts.push(await draft(call));
      return throughGate(drafts, async (ready) => {
        const placed: PlacedJob[] = [];
        for (const part of partsOf(ready.map(toWire))) placed.push(...(await sendPart(transport, part)));
        return placed;
      });
    },
    async start(composition, options) {
      if (given !== undefined) await checkCanvas(given, composition);
      const checked = await draft({ task: canvasName, input: composition, ...(options && { options }) });
      const [placed] = await throughGate([checked], async ([ready = checked]) => {
        const body = { composition: ready.input as CanvasNode, options: toWire(ready).options };
        return [await transport.call(operations.start, { body }, { repeatable: true })];
      });
      return placed as PlacedJob;
    },
  };
}

type WireCall = ReturnType<typeof toWire>;

function toWire({ task, input, options }: Draft) {
  return { task, input, options: toWireOptions(options) };
}

/** @returns as few parts as the API takes */
function* partsOf(calls: readonly WireCall[]): Generator<WireCall[]> {
  let part: WireCall[] = [];
  let size = 0;
  for (const call of calls) {
    // One alone is measured by the API.
    const length = calls.length === 1 ? 0 : toJson(call).length;
    if (part.length === callsAtOnce || (part.length > 0 && size + length > charactersAtOnce)) {
      yield part;
      part = [];
      size = 0;
    }
    part.push(call);
    size += length;
  }
  if (part.length > 0) yield part;
}

async function sendPart(transport: Transport, calls: WireCall[]): Promise<PlacedJob[]> {
  const [first] = calls;
  // Each has an id or a key by now, so the same request once more makes no second job.
  const manner = { repeatable: true };
  if (calls.length === 1 && first !== undefined)
    return [await transport.call(operations.enqueue, { body: first }, manner)];
  return (await transport.call(operations.enqueueMany, { body: { calls } }, manner)).jobs;
}
