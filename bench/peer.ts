import type { Child, ChildOptions } from "./child.ts";
import type { Ground } from "./ground.ts";

/** How a worker of a peer is started. */
export interface WorkerOptions extends Pick<ChildOptions, "compileCache" | "environment"> {
  /** Jobs at once. */
  concurrency: number;
}

/** A task queue that is measured. */
export interface Peer {
  readonly name: string;
  readonly title: string;
  /** What is compared, for the document. */
  readonly version: string;
  /** How much less it is given to do, where it would take minutes otherwise: 1 is all. */
  readonly share: number;
  /** Starts a process that makes calls. */
  startClient(ground: Ground, environment?: Record<string, string>): Promise<Client>;
  /** Starts a worker for the queue that the client fills, and waits until it takes jobs. */
  startWorker(ground: Ground, options: WorkerOptions): Promise<Child>;
  /** Puts all waiting jobs where no worker sees them; the function returned gives them back. */
  hold(ground: Ground): Promise<() => Promise<void>>;
  /** How many jobs of so many have ended. */
  ended(ground: Ground, jobs: number): Promise<number>;
  /** How many have ended otherwise than well. */
  failed(ground: Ground): Promise<number>;
}

/** A peer that is not on this machine, and why. */
export interface Missing {
  readonly name: string;
  readonly reason: string;
}

export const canvasShapes = ["chain", "group", "chord"] as const;
export type CanvasShape = (typeof canvasShapes)[number];

/** What clients are told, as a line of JSON each; the answer is one line too. */
export type Order =
  | { do: "enqueue"; jobs: number; inFlight: number }
  | { do: "bulk"; jobs: number }
  | { do: "call"; calls: number }
  | { do: "compose"; shape: CanvasShape; size: number };

/** A process that makes a peer's calls and times them itself, so that no other process' time is in the figures. */
export interface Client {
  /** Enqueues so many empty jobs with so many calls unanswered at any moment; resolves to seconds. */
  enqueue(jobs: number, inFlight: number): Promise<number>;
  /** Enqueues so many with the peer's call for many, 1,000 at once; undefined when it has none. */
  bulk(jobs: number): Promise<number | undefined>;
  /** Calls and waits for the result, one after another; resolves to milliseconds each. */
  call(calls: number): Promise<number[]>;
  /** Runs a composition to its end; resolves to seconds and the sum it came to, or undefined when there is none such. */
  compose(shape: CanvasShape, size: number): Promise<{ seconds: number; sum: number } | undefined>;
  stop(): Promise<void>;
}

/** How a client's program answers an order that its peer has no call for. */
export const unknownHere = { none: true } as const;
