import { setImmediate as macrotask } from "node:timers/promises";
import { type ErrorRecord, LovageError } from "../core/errors.ts";

/** How a call or a step ended. */
export type CallOutcome = { value: unknown } | { error: ErrorRecord };

/** What the calls that are steps begin with in {@link History}. */
export const stepMark = "step:";

/** What is kept of a workflow between its runs. A group of 1,000 takes about 15 KB. */
export interface History {
  /** What was called, by place: calls are counted from 0 in the order in which the function makes them. */
  calls: string[];
  /** The outcomes as they were given to the function: places by batch, with the time the workflow has since then. */
  batches: { at: number; places: number[] }[];
  /** Where the function begins instead of at its start; the batches are those since then. Absent: at its start. */
  checkpoint?: Checkpoint;
  startedAt: number;
  /** So many of the calls are known to be in Redis. */
  added: number;
}

/** What the function came to when all calls before a place had been given to it. */
export interface Checkpoint {
  place: number;
  /** The time the workflow had. */
  at: number;
  /** What the function needs to go on from there, as JSON. */
  state: unknown;
}

/** The places of the calls that a run is about: those since the checkpoint. */
export function placesOf({ calls, checkpoint }: History): number[] {
  const from = checkpoint?.place ?? 0;
  return Array.from({ length: calls.length - from }, (_, index) => from + index);
}

/** One thing that a function waits for. */
interface Waiter {
  fingerprint: string;
  settle(outcome: CallOutcome): void;
}

/** What the engine needs of the world around it. */
export interface WorkflowRunHost<Call> {
  /** Keeps the history; only then may anything be done that follows from it. */
  save(history: History): Promise<void>;
  /**
   * Enqueues calls, each under an id made from its place, so that a second time does nothing; then notes that all up to
   * `added` are there.
   */
  add(calls: readonly Call[], added: number): Promise<void>;
  /** Keeps a step's outcome. */
  saveStep(place: number, outcome: CallOutcome): Promise<void>;
  now(): number;
  signal: AbortSignal;
}

export type RunResult = { type: "ended"; value: unknown } | { type: "waiting" };

/**
 * Runs a workflow's function from its start: outcomes that earlier runs gave to it are given to it again in the same
 * order and the same batches, so that it takes the same way; then those that came since. When it can get no further, its
 * new calls are enqueued.
 */
export class WorkflowRun<Call> {
  readonly #history: History;
  readonly #outcomes: ReadonlyMap<number, CallOutcome>;
  readonly #stepOutcomes = new Map<number, CallOutcome>();
  readonly #host: WorkflowRunHost<Call>;
  /** The place of the first of the waiters. */
  #first: number;
  #waiters: Waiter[] = [];
  readonly #delivered = new Set<number>();
  readonly #calls = new Set<number>();
  readonly #newCalls: Call[] = [];
  readonly #newSteps: (() => void)[] = [];
  #runningSteps = 0;
  #stepsEnded: number[] = [];
  #activity: PromiseWithResolvers<void> = Promise.withResolvers();
  #time: number;
  #repeating = true;
  #changed: LovageError | undefined;

  constructor(history: History, outcomes: ReadonlyMap<number, CallOutcome>, host: WorkflowRunHost<Call>) {
    this.#history = history;
    this.#outcomes = outcomes;
    this.#host = host;
    this.#first = history.checkpoint?.place ?? 0;
    this.#time = history.checkpoint?.at ?? history.startedAt;
  }

  /** What the function gave to {@link checkpoint} last, in an earlier run; undefined: it begins at its start. */
  get resumed(): unknown {
    return this.#history.checkpoint?.state;
  }

  /**
   * Has the function begin from here when it is run again, with `state`, and what came before be left: a run costs no more
   * however much that was. Kept with the next calls. Nothing happens while a call has not ended.
   */
  checkpoint(state: unknown): void {
    if (this.#repeating || this.#delivered.size < this.#waiters.length) return;
    this.#first += this.#waiters.length;
    this.#waiters = [];
    this.#delivered.clear();
    this.#calls.clear();
    this.#history.batches = [];
    this.#history.checkpoint = { place: this.#first, at: this.#time, state };
  }

  /** The place of the next call. */
  get #next(): number {
    return this.#first + this.#waiters.length;
  }

  /** Milliseconds since 1970, as of the last outcome the function was given. */
  get time(): number {
    return this.#time;
  }

  /** How many of the function's calls have not ended. */
  get pending(): number {
    return [...this.#calls].filter((place) => !this.#outcomes.has(place)).length;
  }

  /** Whether the function only does again what it did in an earlier run. */
  get repeating(): boolean {
    return this.#repeating;
  }

  /** A call that the function makes now; `make` turns its place into what {@link WorkflowRunHost.add} takes. */
  call(fingerprint: string, make: (place: number) => Call): Promise<unknown> {
    return this.#wait(fingerprint, (place) => {
      this.#calls.add(place);
      if (place >= this.#history.added && !this.#outcomes.has(place)) this.#newCalls.push(make(place));
    });
  }

  /** A step that the function takes now. */
  step(fingerprint: string, effect: () => Promise<CallOutcome>): Promise<unknown> {
    return this.#wait(fingerprint, (place) => {
      if (this.#outcomes.has(place)) return;
      this.#newSteps.push(() => void this.#runStep(place, effect));
    });
  }

  #wait(fingerprint: string, begin: (place: number) => void): Promise<unknown> {
    const place = this.#next;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    // Only whoever awaits a call must hear of its failure.
    promise.catch(() => {});
    const known = this.#history.calls[place];
    if (known !== undefined && known !== fingerprint) {
      this.#change(`call ${place} was ${known} and is now ${fingerprint}`);
    } else if (known === undefined) {
      if (this.#repeating)
        this.#change(`call ${place}, ${fingerprint}, was not made before what followed it`);
      else this.#history.calls.push(fingerprint);
    }
    this.#waiters.push({
      fingerprint,
      settle(outcome) {
        if ("error" in outcome) reject(LovageError.fromRecord(outcome.error));
        else resolve(outcome.value);
      },
    });
    begin(place);
    this.#activity.resolve();
    return promise;
  }

  async #runStep(place: number, effect: () => Promise<CallOutcome>): Promise<void> {
    this.#runningSteps += 1;
    const outcome = await effect();
    this.#stepOutcomes.set(place, outcome);
    this.#stepsEnded.push(place);
    this.#runningSteps -= 1;
    this.#activity.resolve();
  }

  #change(what: string): void {
    this.#changed ??= new LovageError(
      "WORKFLOW_CHANGED",
      `the workflow's code changed while it ran: ${what}`,
      {
        hint: "let running workflows end before their code changes, or give the new code a name of its own; what a workflow does may depend on its input, its calls, context.now and context.uuid only",
      },
    );
  }

  /** @throws LovageError `WORKFLOW_CHANGED`, `CHILD_LOST`, the signal's reason, or what the function throws */
  async run(start: () => Promise<unknown>): Promise<RunResult> {
    const { signal } = this.#host;
    let ended: { value: unknown } | { thrown: unknown } | undefined;
    const aborted = () => this.#activity.resolve();
    signal.addEventListener("abort", aborted);
    // A first run has nothing to repeat.
    this.#repeating = this.#history.calls.length > this.#first;
    const running = start().then(
      (value) => {
        ended = { value };
        this.#activity.resolve();
      },
      (thrown) => {
        ended = { thrown };
        this.#activity.resolve();
      },
    );
    try {
      for (const { at, places } of this.#history.batches) {
        await macrotask();
        this.#throwIfOver();
        this.#give(at, places);
      }
      await macrotask();
      this.#endRepetition(ended !== undefined);
      for (;;) {
        this.#throwIfOver();
        if (ended !== undefined) break;
        if (!(await this.#advance())) return { type: "waiting" };
      }
      await running;
      if ("thrown" in ended) throw ended.thrown;
      return { type: "ended", value: ended.value };
    } finally {
      signal.removeEventListener("abort", aborted);
    }
  }

  /** The function stands where the last run left it: it must have made the very same calls. */
  #endRepetition(ended: boolean): void {
    const made = this.#next;
    const before = this.#history.calls.length;
    if (made < before) {
      const missing = this.#history.calls[made];
      this.#change(
        `call ${made}, ${missing}, is no longer made${ended ? ": the function ends before it" : ""}`,
      );
    }
    this.#repeating = false;
  }

  #throwIfOver(): void {
    this.#host.signal.throwIfAborted();
    if (this.#changed !== undefined) throw this.#changed;
  }

  #give(at: number, places: readonly number[]): void {
    this.#time = at;
    for (const place of places) {
      const waiter = this.#waiters[place - this.#first];
      const outcome = this.#outcomes.get(place) ?? this.#stepOutcomes.get(place);
      if (waiter === undefined) {
        this.#change(`call ${place}, ${this.#history.calls[place]}, is no longer made`);
        return;
      }
      if (outcome === undefined)
        throw new LovageError("CHILD_LOST", `the result of call ${place}, ${waiter.fingerprint}, is gone`);
      this.#delivered.add(place);
      waiter.settle(outcome);
    }
  }

  /** One step forward; false when only outcomes that others bring can lead further. */
  async #advance(): Promise<boolean> {
    const fresh = [...this.#outcomes.keys(), ...this.#stepsEnded]
      .filter((place) => place >= this.#first && place < this.#next && !this.#delivered.has(place))
      .toSorted((a, b) => a - b);
    this.#stepsEnded = [];
    if (fresh.length > 0) {
      await this.#keepSteps(fresh);
      const batch = { at: this.#host.now(), places: fresh };
      this.#history.batches.push(batch);
      this.#give(batch.at, fresh);
      await macrotask();
      return true;
    }
    this.#activity = Promise.withResolvers();
    await this.#begin();
    if (
      this.#runningSteps > 0 ||
      this.#stepsEnded.length > 0 ||
      this.#waiters.length === this.#delivered.size
    ) {
      // A step is at work, or the function waits for something that is none of its calls.
      if (this.#stepsEnded.length === 0) await this.#activity.promise;
      await macrotask();
      return true;
    }
    return false;
  }

  async #keepSteps(places: readonly number[]): Promise<void> {
    for (const place of places) {
      const outcome = this.#stepOutcomes.get(place);
      if (outcome !== undefined) await this.#host.saveStep(place, outcome);
    }
  }

  /** Keeps how the function came here, then does what it asked for. */
  async #begin(): Promise<void> {
    const calls = this.#newCalls.splice(0);
    const steps = this.#newSteps.splice(0);
    if (calls.length === 0 && steps.length === 0) return;
    await this.#host.save(this.#history);
    this.#history.added = this.#next;
    if (calls.length > 0) await this.#host.add(calls, this.#history.added);
    for (const begin of steps) begin();
  }
}
