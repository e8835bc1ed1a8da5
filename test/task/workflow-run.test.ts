import * as fc from "fast-check";
import { expect, test } from "vitest";
import { LovageError } from "#task";
import {
  type CallOutcome,
  type History,
  WorkflowRun,
  type WorkflowRunHost,
} from "../../src/task/workflow-run.ts";

interface Tools {
  call(name: string): Promise<unknown>;
  step(name: string, effect: () => Promise<unknown>): Promise<unknown>;
  now(): number;
  /** What an earlier run gave to `checkpoint`. */
  resumed: unknown;
  checkpoint(state: unknown): void;
}

type Program = (tools: Tools) => Promise<unknown>;

const emptyHistory = (): History => ({ calls: [], batches: [], startedAt: 1000, added: 0 });
const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value));

/** Redis and the workers in memory; `crash` may end a run at any of the moments at which something is kept. */
class Bench {
  history = emptyHistory();
  readonly outcomes = new Map<number, CallOutcome>();
  readonly pending = new Map<number, string>();
  readonly added: string[] = [];
  readonly names = new Map<number, string>();
  /** Calls that were made again as another one. */
  readonly conflicts: string[] = [];
  steps = 0;
  runs = 0;
  crash: () => boolean = () => false;

  #mayCrash(): void {
    if (this.crash()) throw new Error("crash");
  }

  async run(program: Program, signal = new AbortController().signal) {
    this.runs += 1;
    const history = copy(this.history);
    const host: WorkflowRunHost<[number, string]> = {
      signal,
      now: () => 1000 + this.runs,
      save: async (next) => {
        this.#mayCrash();
        const { added } = this.history;
        this.history = { ...copy(next), added };
        this.#mayCrash();
      },
      add: async (calls, added) => {
        for (const [place, name] of calls) {
          this.#mayCrash();
          if (!this.pending.has(place) && !this.outcomes.has(place)) {
            this.pending.set(place, name);
            this.added.push(name);
            this.names.set(place, name);
          } else if (this.names.get(place) !== name)
            this.conflicts.push(`${this.names.get(place)} / ${name}`);
        }
        this.history.added = added;
      },
      saveStep: async (place, outcome) => {
        this.#mayCrash();
        this.outcomes.set(place, outcome);
        this.#mayCrash();
      },
    };
    const from = history.checkpoint?.place ?? 0;
    const outcomes = new Map([...this.outcomes].filter(([place]) => place >= from));
    const workflowRun = new WorkflowRun(history, outcomes, host);
    return workflowRun.run(() =>
      program({
        call: (name) => workflowRun.call(name, (place) => [place, name]),
        step: (name, effect) =>
          workflowRun.step(`step:${name}`, async () => {
            this.steps += 1;
            return { value: await effect() };
          }),
        now: () => workflowRun.time,
        resumed: workflowRun.resumed,
        checkpoint: (state) => workflowRun.checkpoint(state),
      }),
    );
  }

  /** Ends one of the pending calls. */
  end(place: number): void {
    const name = this.pending.get(place);
    if (name === undefined) return;
    this.pending.delete(place);
    const failed = name.startsWith("fail");
    this.outcomes.set(
      place,
      failed ? { error: { code: "JOB_FAILED", message: name, retryable: true } } : { value: `<${name}>` },
    );
  }

  /** Runs until the program has ended; `pick` says which of the pending calls end between two runs. */
  async untilEnded(program: Program, pick: (places: number[]) => number[] = (places) => places) {
    for (;;) {
      try {
        const ran = await this.run(program);
        if (ran.type === "ended") return { value: ran.value };
      } catch (error) {
        if ((error as Error).message !== "crash") return { thrown: (error as Error).message };
      }
      const places = [...this.pending.keys()];
      for (const place of pick(places)) this.end(place);
    }
  }
}

test("calls one after another, together, and in a loop", async () => {
  const bench = new Bench();
  const ended = await bench.untilEnded(async ({ call }) => {
    const first = await call("a");
    const both = await Promise.all([call(`b${first}`), call("c")]);
    let last: unknown = "";
    for (const name of ["d", "e"]) last = await call(`${name}${last}`);
    return [both, last];
  });
  expect(ended).toEqual({ value: [["<b<a>>", "<c>"], "<e<d>>"] });
  expect(bench.added).toEqual(["a", "b<a>", "c", "d", "e<d>"]);
});

test("a failed call is caught like any error", async () => {
  const ended = await new Bench().untilEnded(async ({ call }) => {
    try {
      return await call("fail");
    } catch (error) {
      expect(error).toBeInstanceOf(LovageError);
      return call(`instead of ${(error as Error).message}`);
    }
  });
  expect(ended).toEqual({ value: "<instead of fail>" });
});

test("a branch goes on as soon as its own call has ended", async () => {
  const bench = new Bench();
  const program: Program = ({ call }) =>
    Promise.all(["a", "b"].map(async (name) => call(`then ${await call(name)}`)));
  await bench.run(program);
  bench.end(1);
  await bench.run(program);
  expect([...bench.pending.values()]).toEqual(["a", "then <b>"]);
  bench.end(0);
  expect(await bench.untilEnded(program)).toEqual({ value: ["<then <a>>", "<then <b>>"] });
});

test("a step is taken once, and its result is remembered", async () => {
  const bench = new Bench();
  const ended = await bench.untilEnded(async ({ call, step }) => {
    const number = await step("count", async () => bench.steps);
    await call("a");
    return number;
  });
  expect(ended).toEqual({ value: 1 });
  expect(bench.steps).toBe(1);
});

test("time stands still while the workflow is run again", async () => {
  const bench = new Bench();
  const seen: number[][] = [];
  await bench.untilEnded(async ({ call, now }) => {
    const times = [now()];
    await call("a");
    times.push(now());
    await call("b");
    seen.push(times);
  });
  expect(seen).toEqual([[1000, 1002]]);
});

test.each<[string, Program, string]>([
  ["another call", async ({ call }) => [await call("a"), await call("x")], "call 1 was b and is now x"],
  [
    "a call less",
    async ({ call }) => [await call("a")],
    "call 1, b, is no longer made: the function ends before it",
  ],
  [
    "a call more",
    async ({ call }) => [await Promise.all([call("a"), call("y")]), await call("b")],
    "call 1 was b and is now y",
  ],
  [
    "a call that waits for what it did not wait for",
    async ({ call }) => {
      await call("a");
      await new Promise(() => {});
    },
    "call 1, b, is no longer made",
  ],
])("code that changed under a running workflow is told: %s", async (_what, changed, message) => {
  const bench = new Bench();
  const program: Program = async ({ call }) => [await call("a"), await call("b")];
  await bench.run(program);
  bench.end(0);
  await bench.run(program);
  await expect(bench.run(changed)).rejects.toMatchObject({
    code: "WORKFLOW_CHANGED",
    message: expect.stringContaining(message),
  });
});

test("from a checkpoint on nothing before it is done again, and the time is the same", async () => {
  const bench = new Bench();
  const repeated: string[][] = [];
  const begun: number[] = [];
  const ended = await bench.untilEnded(async ({ call, now, resumed, checkpoint }) => {
    let { done, last } = (resumed ?? { done: 0, last: "" }) as { done: number; last: unknown };
    const calls: string[] = [];
    repeated.push(calls);
    begun.push(now());
    while (done < 5) {
      calls.push(`${done}`);
      last = await call(`${done}${last}`);
      done += 1;
      checkpoint({ done, last });
    }
    return last;
  });
  expect(ended).toEqual({ value: "<4<3<2<1<0>>>>>" });
  expect(repeated).toEqual([["0"], ["0", "1"], ["1", "2"], ["2", "3"], ["3", "4"], ["4"]]);
  expect(begun).toEqual([1000, 1000, 1002, 1003, 1004, 1005]);
  expect(bench.history).toMatchObject({ calls: { length: 5 }, batches: [], checkpoint: { place: 4 } });
});

test("there is no checkpoint while a call has not ended", async () => {
  const bench = new Bench();
  const ended = await bench.untilEnded(
    async ({ call, resumed, checkpoint }) => {
      const late = call("late");
      const first = await call("first");
      checkpoint("too early");
      const both = [await call(`after ${first}`), await late, resumed];
      return both;
    },
    ([...places]) => places.slice(-1),
  );
  expect(ended).toEqual({ value: ["<after <first>>", "<late>", undefined] });
  expect(bench.history.checkpoint).toBeUndefined();
});

test("an abort ends the run with its reason", async () => {
  const controller = new AbortController();
  const running = new Bench().run(() => new Promise(() => {}), controller.signal);
  controller.abort(new LovageError("JOB_CANCELLED", "enough"));
  await expect(running).rejects.toMatchObject({ code: "JOB_CANCELLED" });
});

/** A random program: calls, steps, sequences, parallel branches, and failures that are caught. */
type Node =
  | { kind: "call" | "fail" | "step"; name: string }
  | { kind: "sequence" | "all" | "settled"; nodes: Node[] };

const { node } = fc.letrec<{ node: Node; leaf: Node; branch: Node }>((tie) => ({
  node: fc.oneof({ maxDepth: 3 }, tie("leaf"), { arbitrary: tie("branch"), weight: 4 }),
  leaf: fc.record({
    kind: fc.constantFrom(...(["call", "call", "call", "call", "call", "fail", "step"] as const)),
    name: fc.constantFrom("a", "b", "c"),
  }),
  branch: fc.record({
    kind: fc.constantFrom("sequence" as const, "all" as const, "settled" as const),
    nodes: fc.array(tie("node"), { minLength: 1, maxLength: 4, size: "max" }),
  }),
}));

async function interpret(node: Node, tools: Tools, before: string): Promise<string> {
  switch (node.kind) {
    case "call":
    case "fail":
      return String(await tools.call(`${node.kind} ${node.name} after ${before}`));
    case "step":
      return String(await tools.step(node.name, async () => `{${node.name}}`));
    case "sequence": {
      let last = before;
      for (const next of node.nodes) last = await interpret(next, tools, last);
      return last;
    }
    case "all":
      return (await Promise.all(node.nodes.map((next) => interpret(next, tools, before)))).join("+");
    case "settled": {
      const results = await Promise.allSettled(node.nodes.map((next) => interpret(next, tools, before)));
      return results.map((result) => (result.status === "fulfilled" ? result.value : "failed")).join("|");
    }
  }
}

test("any program comes to the same end, however its runs crash and its calls end", async () => {
  await fc.assert(
    fc.asyncProperty(node, fc.infiniteStream(fc.nat(99)), async (tree, chance) => {
      const program: Program = (tools) => interpret(tree, tools, "start");
      const calm = new Bench();
      const expected = await calm.untilEnded(program);
      const stormy = new Bench();
      const next = () => chance.next().value ?? 0;
      stormy.crash = () => next() < 20;
      const ended = await stormy.untilEnded(program, (places) => places.filter(() => next() < 40));
      // Which of several failures is met first is a matter of which call ends first.
      if ("thrown" in expected) expect(ended).toHaveProperty("thrown");
      else expect(ended).toEqual(expected);
      expect(stormy.conflicts).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test("a sequence with checkpoints comes to what it comes to without, however its runs crash", async () => {
  const parts = fc.array(fc.record({ node, kept: fc.boolean() }), {
    minLength: 1,
    maxLength: 5,
    size: "max",
  });
  await fc.assert(
    fc.asyncProperty(parts, fc.infiniteStream(fc.nat(99)), async (all, chance) => {
      const plain: Node = { kind: "sequence", nodes: all.map((part) => part.node) };
      const expected = await new Bench().untilEnded((tools) => interpret(plain, tools, "start"));
      const stormy = new Bench();
      const next = () => chance.next().value ?? 0;
      stormy.crash = () => next() < 20;
      const ended = await stormy.untilEnded(
        async (tools) => {
          let { done, last } = (tools.resumed ?? { done: 0, last: "start" }) as {
            done: number;
            last: string;
          };
          for (const part of all.slice(done)) {
            last = await interpret(part.node, tools, last);
            done += 1;
            if (part.kept) tools.checkpoint({ done, last });
          }
          return last;
        },
        (places) => places.filter(() => next() < 40),
      );
      if ("thrown" in expected) expect(ended).toHaveProperty("thrown");
      else expect(ended).toEqual(expected);
      expect(stormy.conflicts).toEqual([]);
    }),
    { numRuns: 300 },
  );
});
