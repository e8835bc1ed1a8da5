import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "#client";
import { LovageError } from "../../src/core/errors.ts";
import type { LedgerTasks } from "./ledger-catalogue.ts";
import { createRandom, type Random } from "./random.ts";

/** What a call was made for. */
export type Kind =
  | "plain"
  | "deaf"
  | "retried"
  | "failing"
  | "delayed"
  | "cancelled"
  | "expiring"
  | "blocking";

/** One call of the load. */
export interface PlannedCall {
  readonly id: string;
  readonly kind: Kind;
  /** "refused" says what the error says: the job may have been made all the same. */
  answer: "none" | "acknowledged" | "refused";
  /** When it was acknowledged, in milliseconds since 1970. */
  at: number;
}

export interface LoadOptions {
  perSecond: number;
  confirm?: "disk" | "replica";
  /** How long runs take at most, in milliseconds. Default 60. */
  longest?: number;
  /** Bytes of text that inputs carry at most. Default 2000. */
  largest?: number;
  /** Of a hundred calls, how many are of each kind; the rest is plain. Default {@link mixture}. */
  mix?: Partial<Record<Kind, number>>;
}

export const mixture: Partial<Record<Kind, number>> = {
  deaf: 10,
  retried: 8,
  failing: 4,
  delayed: 6,
  cancelled: 4,
  expiring: 3,
};

export interface Load {
  readonly calls: readonly PlannedCall[];
  acknowledged(): number;
  /** One call beside the steady ones; resolves when it was answered, however. */
  call(kind: Kind, input: Partial<LedgerTasks["chaos.entry"]["input"]>): Promise<void>;
  /** The codes with which calls were refused, each with its count. */
  readonly refusals: ReadonlyMap<string, number>;
  /** Makes no further calls; resolves when those on their way were answered. */
  stop(): Promise<void>;
}

/** More calls that wait for an answer would tell nothing more, while Redis is away. */
const atOnce = 200;

/** Waiting jobs beyond which no further calls are made. */
const fullBacklog = 300;

/** Milliseconds between two looks at the backlog. */
const lookInterval = 500;

/**
 * A steady load, whose calls the seed decides.
 * @param backlog how many jobs wait: with too many it stands still, or a slow machine would only pile them up
 */
export function startLoad(
  client: Client<LedgerTasks>,
  seeds: Random,
  backlog: () => Promise<number>,
  options: LoadOptions,
): Load {
  // Of its own: how many calls there were by now must not change the moments of the fault.
  const random = createRandom(seeds.whole(0, 2 ** 32 - 1));
  const { perSecond, longest = 60, largest = 2000, mix = mixture } = options;
  const calls: PlannedCall[] = [];
  const refusals = new Map<string, number>();
  const pending = new Set<Promise<void>>();
  const over = new AbortController();

  function pickKind(): Kind {
    let left = random.fraction() * 100;
    for (const [kind, share = 0] of Object.entries(mix)) {
      left -= share;
      if (left < 0) return kind as Kind;
    }
    return "plain";
  }

  async function make(call: PlannedCall, own?: Partial<LedgerTasks["chaos.entry"]["input"]>): Promise<void> {
    const { id, kind } = call;
    // All of the draws are made at once: what an answer takes must not change the next call.
    const milliseconds = random.whole(0, longest);
    const text = "x".repeat(random.whole(0, largest));
    const input = {
      milliseconds: kind === "cancelled" || kind === "deaf" ? longest * 3 : milliseconds,
      failures: kind === "failing" ? 1000 : kind === "retried" ? 1 : 0,
      deaf: kind === "deaf",
      text,
      ...own,
    };
    const priority = random.chance(20) ? 3 : 0;
    const job = await client.enqueue("chaos.entry", input, {
      id,
      ...(priority > 0 && { priority }),
      ...(kind === "delayed" && { delay: random.whole(100, 1500) }),
      ...(kind === "expiring" && { expires: 20 }),
      ...(options.confirm && { confirm: options.confirm }),
    });
    call.answer = "acknowledged";
    call.at = Date.now();
    // A cancellation that gets no answer leaves a job that runs to its end, which is as good.
    if (kind === "cancelled") await job.cancel("by the load").catch(() => {});
  }

  function begin(kind: Kind, input?: Partial<LedgerTasks["chaos.entry"]["input"]>): Promise<void> {
    const call: PlannedCall = { id: `load-${calls.length + 1}`, kind, answer: "none", at: 0 };
    calls.push(call);
    const made = make(call, input).catch((error: unknown) => {
      call.answer = "refused";
      const code = error instanceof LovageError ? error.code : String(error);
      refusals.set(code, (refusals.get(code) ?? 0) + 1);
    });
    pending.add(made);
    void made.finally(() => pending.delete(made));
    return made;
  }

  let waiting = 0;
  // Where the look is not answered, the last known number stands.
  const looking = setInterval(() => {
    backlog().then(
      (count) => {
        waiting = count;
      },
      () => {},
    );
  }, lookInterval);

  const running = (async () => {
    let due = 0;
    for (let last = performance.now(); !over.signal.aborted; ) {
      await sleep(10);
      const now = performance.now();
      due = Math.min(due + ((now - last) * perSecond) / 1000, atOnce - pending.size);
      last = now;
      if (waiting > fullBacklog) due = 0;
      for (; due >= 1; due -= 1) void begin(pickKind());
    }
    await Promise.all(pending);
  })();

  return {
    calls,
    acknowledged: () => calls.reduce((sum, { answer }) => sum + (answer === "acknowledged" ? 1 : 0), 0),
    refusals,
    call: begin,
    stop() {
      over.abort();
      clearInterval(looking);
      return running;
    },
  };
}
