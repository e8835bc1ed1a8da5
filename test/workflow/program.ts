import { createHash, randomUUID } from "node:crypto";
import * as fc from "fast-check";
import * as z from "zod";
import {
  type Catalogue,
  createCatalogue,
  defineTask,
  defineWorkflow,
  LovageError,
  type WorkflowContext,
} from "#task";

/** A workflow as data. What one node gives is what the next of a sequence begins with. */
export type Node =
  | { kind: "call" | "flaky" | "fail" | "step" | "bad-step" | "throw" }
  | { kind: "sleep"; milliseconds: number }
  | { kind: "sequence" | "all" | "settled"; nodes: Node[] }
  | { kind: "catch"; node: Node; instead: Node }
  | { kind: "nested"; node: Node };

/** Where a run tells what it does; it may throw, as a process does that is dead. */
export interface Ledger {
  /** A call's task or a step was begun. */
  executed(label: string): void;
  /** The function was given this outcome. */
  saw(label: string, nonce: string): void;
}

/** What a program must come to. */
export interface Expected {
  outcome: { value: string } | { errors: string[] };
  /** How often each task or step runs, by the path of its node. */
  executions: Map<string, number>;
  /** The same, for those that a failure beside them may leave out. */
  possible: Map<string, number>;
}

export const programName = "test.program";
const effectName = "test.effect";

const Effect = z.strictObject({
  label: z.string(),
  before: z.string(),
  how: z.enum(["call", "flaky", "fail"]),
  at: z.number(),
  id: z.string(),
});
const Given = z.strictObject({ text: z.string(), nonce: z.string() });

/** The tasks that programs are made of, and the workflow that runs a program. */
export function createProgramCatalogue(ledger: Ledger): Catalogue {
  const effect = defineTask({
    name: effectName,
    queue: "default",
    input: Effect,
    output: Given,
    retry: { attempts: 2, backoff: 5 },
    async run({ label, before, how }, { job }) {
      ledger.executed(label);
      if (how === "fail") throw new LovageError("INPUT_INVALID", label);
      if (how === "flaky" && job.attempt === 1) throw new Error("the first attempt fails");
      return { text: digest(label, before), nonce: randomUUID() };
    },
  });
  const program = defineWorkflow({
    name: programName,
    queue: "default",
    input: z.strictObject({ node: z.unknown(), path: z.string(), before: z.string() }),
    output: z.string(),
    run: ({ node, path, before }, context) => run(node as Node, path, before, { context, ledger }),
  });
  return createCatalogue([effect, program]);
}

interface Surroundings {
  context: WorkflowContext;
  ledger: Ledger;
}

async function run(node: Node, path: string, before: string, around: Surroundings): Promise<string> {
  const { context, ledger } = around;
  const parts = (nodes: Node[], begin: string) =>
    nodes.map((next, index) => run(next, `${path}.${index}`, begin, around));
  switch (node.kind) {
    case "call":
    case "flaky":
    case "fail": {
      // With another time or id in its input it would be another call when the function is run again.
      const replayed = { at: context.now().getTime(), id: context.uuid() };
      const input = { label: path, before, how: node.kind, ...replayed };
      return given(path, (await context.call(effectName, input)) as z.infer<typeof Given>, ledger);
    }
    case "step":
    case "bad-step": {
      const take = () => {
        ledger.executed(path);
        if (node.kind === "bad-step") throw new LovageError("INPUT_INVALID", path);
        return { text: digest(path, before), nonce: randomUUID() };
      };
      return given(path, await context.step(path, take), ledger);
    }
    case "throw":
      throw new LovageError("INPUT_INVALID", path);
    case "sleep":
      await context.sleep(node.milliseconds);
      return before;
    case "sequence": {
      let last = before;
      for (const [index, next] of node.nodes.entries())
        last = await run(next, `${path}.${index}`, last, around);
      return last;
    }
    case "all":
      return digest(path, (await Promise.all(parts(node.nodes, before))).join());
    case "settled": {
      const results = await Promise.allSettled(parts(node.nodes, before));
      return digest(path, results.map((end) => (end.status === "fulfilled" ? end.value : "failed")).join());
    }
    case "catch":
      try {
        return await run(node.node, `${path}.0`, before, around);
      } catch (error) {
        // A run that is over ends; only what the program's own nodes fail with is caught.
        if (!(error instanceof LovageError) || error.code !== "INPUT_INVALID") throw error;
        return run(node.instead, `${path}.1`, "caught", around);
      }
    case "nested":
      return (await context.call(programName, { node: node.node, path: `${path}.0`, before })) as string;
  }
}

/** An outcome that was given once must be the same whenever the function is run again: the nonce tells. */
function given(path: string, { text, nonce }: z.infer<typeof Given>, ledger: Ledger): string {
  ledger.saw(path, nonce);
  return text;
}

function digest(path: string, before: string): string {
  return createHash("sha256").update(`${path}(${before})`).digest("hex").slice(0, 8);
}

/** What a program comes to when nothing ever crashes, without running it. */
export function expectedOf(node: Node, path = "0", before = "start"): Expected {
  const alone = (outcome: Expected["outcome"], times = 0): Expected => ({
    outcome,
    executions: new Map(times > 0 ? [[path, times]] : []),
    possible: new Map(),
  });
  const parts = (nodes: Node[], begin: string) =>
    nodes.map((next, index) => expectedOf(next, `${path}.${index}`, begin));
  switch (node.kind) {
    case "call":
    case "step":
      return alone({ value: digest(path, before) }, 1);
    case "flaky":
      return alone({ value: digest(path, before) }, 2);
    case "fail":
    case "bad-step":
      return alone({ errors: [path] }, 1);
    case "throw":
      return alone({ errors: [path] });
    case "sleep":
      return alone({ value: before });
    case "sequence": {
      let last = before;
      const made: Expected[] = [];
      for (const [index, next] of node.nodes.entries()) {
        const part = expectedOf(next, `${path}.${index}`, last);
        made.push(part);
        if ("errors" in part.outcome) return { ...together(made), outcome: part.outcome };
        last = part.outcome.value;
      }
      return { ...together(made), outcome: { value: last } };
    }
    case "all": {
      const made = parts(node.nodes, before);
      const errors = made.flatMap(({ outcome }) => ("errors" in outcome ? outcome.errors : []));
      if (errors.length === 0) return { ...together(made), outcome: { value: digest(path, valuesOf(made)) } };
      // Which failure comes first, and how far the others get, is a matter of time.
      const { executions, possible } = together(made);
      return {
        outcome: { errors },
        executions: new Map(),
        possible: new Map([...possible, ...executions]),
      };
    }
    case "settled": {
      const made = parts(node.nodes, before);
      return { ...together(made), outcome: { value: digest(path, valuesOf(made)) } };
    }
    case "catch": {
      const tried = expectedOf(node.node, `${path}.0`, before);
      if ("value" in tried.outcome) return tried;
      const instead = expectedOf(node.instead, `${path}.1`, "caught");
      return { ...together([tried, instead]), outcome: instead.outcome };
    }
    case "nested":
      return expectedOf(node.node, `${path}.0`, before);
  }
}

function together(parts: readonly Expected[]): Pick<Expected, "executions" | "possible"> {
  return {
    executions: new Map(parts.flatMap((part) => [...part.executions])),
    possible: new Map(parts.flatMap((part) => [...part.possible])),
  };
}

function valuesOf(parts: readonly Expected[]): string {
  return parts.map(({ outcome }) => ("value" in outcome ? outcome.value : "failed")).join();
}

/** Random programs of some ten nodes. */
export const programs: fc.Arbitrary<Node> = fc.letrec<{ node: Node; leaf: Node; branch: Node }>((tie) => ({
  node: fc.oneof({ maxDepth: 3 }, tie("leaf"), { arbitrary: tie("branch"), weight: 3 }),
  leaf: fc.oneof(
    { arbitrary: fc.constant<Node>({ kind: "call" }), weight: 6 },
    { arbitrary: fc.constant<Node>({ kind: "step" }), weight: 3 },
    { arbitrary: fc.nat(15).map((milliseconds): Node => ({ kind: "sleep", milliseconds })), weight: 1 },
    fc.constantFrom<Node>({ kind: "flaky" }, { kind: "fail" }, { kind: "bad-step" }, { kind: "throw" }),
  ),
  branch: fc.oneof(
    {
      arbitrary: fc.record({
        kind: fc.constantFrom("sequence" as const, "all" as const, "settled" as const),
        nodes: fc.array(tie("node"), { minLength: 1, maxLength: 3, size: "max" }),
      }),
      weight: 5,
    },
    fc.record({ kind: fc.constant("catch" as const), node: tie("node"), instead: tie("node") }),
    fc.record({ kind: fc.constant("nested" as const), node: tie("node") }),
  ),
})).node;
