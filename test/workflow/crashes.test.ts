import { randomUUID } from "node:crypto";
import * as fc from "fast-check";
import { expect, inject, test } from "vitest";
import * as z from "zod";
import { chain, group, signature } from "#client";
import { createCatalogue, defineTask } from "#task";
import { readSnapshot } from "../../src/queue/snapshot.ts";
import { canvasName } from "../../src/task/canvas.ts";
import { type Death, deaths, type Subject, type Trial, tryProgram, tryWorkflow } from "./crash-trial.ts";
import { type Node, programs } from "./program.ts";

/**
 * How many random programs are tried. LOVAGE_TEST_PROGRAM_RUNS=5000 tries that many, and every command of the fixed
 * program in both ways; LOVAGE_TEST_SEED repeats a run.
 */
const runs = process.env["LOVAGE_TEST_PROGRAM_RUNS"];
const seed = Number(process.env["LOVAGE_TEST_SEED"] ?? Date.now() % 1e9);
const long = runs !== undefined;
/** A trial mostly waits for Redis, so several are under way at once. */
const lanes = 4;
const timeout = long ? 24 * 3_600_000 : 400_000;

const createTrialWorld = () => ({
  redis: inject("redisUrl"),
  prefix: `trial-${randomUUID().slice(0, 8)}`,
});
const start = (program: Node, crashes: readonly Death[]) => tryProgram(program, crashes, createTrialWorld());

/** What was wrong, of a worker that died at each of the commands in turn. */
async function tryEachCommand(start: (crashes: readonly Death[]) => Promise<Trial>): Promise<unknown[]> {
  const calm = await start([]);
  const lost: unknown[] = [...calm.faults];
  const commands = calm.commands[0]?.length ?? 0;
  // The first ones only say who the worker is.
  const first = calm.commands[0]?.findIndex((sent) => sent.startsWith("bzpopmin")) ?? 0;
  const crashes = Array.from({ length: commands - first }, (_, index) => first + index + 1).flatMap(
    (at): Death[] => {
      const both = [true, false].map((carriedOut) => ({ at, carriedOut, late: true }));
      return long ? both : both.slice(at % 2, (at % 2) + 1);
    },
  );
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (let crash = crashes.pop(); crash !== undefined; crash = crashes.pop()) {
        const { faults, commands } = await start([crash]);
        if (faults.length > 0) lost.push({ crash, at: commands[0]?.at(-1), faults });
      }
    }),
  );
  return lost;
}

/** Doubles a number, twice at once, and adds the two up; each call once. */
function createChain(): Subject {
  const calls = new Map<string, Set<string>>();
  return {
    task: canvasName,
    input: chain(
      signature("test.double", 1),
      group([signature("test.double"), signature("test.double")]),
      signature("test.sum"),
      signature("test.double"),
    ),
    catalogueOf(alive) {
      const note = (id: string, input: unknown) => {
        alive();
        calls.set(id, (calls.get(id) ?? new Set()).add(JSON.stringify(input)));
      };
      const double = defineTask({
        name: "test.double",
        queue: "default",
        input: z.number(),
        output: z.number(),
        async run(number, { job }) {
          note(job.id, number);
          return 2 * number;
        },
      });
      const sum = defineTask({
        name: "test.sum",
        queue: "default",
        input: z.array(z.number()),
        output: z.number(),
        async run(numbers, { job }) {
          note(job.id, numbers);
          return numbers.reduce((total, number) => total + number, 0);
        },
      });
      return createCatalogue([double, sum]);
    },
    async compare(broker) {
      const { state, output } = await readSnapshot(broker, "default", "trial");
      const made = [...calls.values()].map((inputs) => [...inputs].join(" and ")).toSorted();
      const came = JSON.stringify([state, output, made]);
      const wanted = JSON.stringify(["completed", 16, ["1", "2", "2", "8", "[4,4]"]]);
      return came === wanted ? [] : [{ what: "lost", text: `came to ${came} instead of ${wanted}` }];
    },
  };
}

const call: Node = { kind: "call" };

test("a worker that dies at any command whatever of a workflow changes nothing of what it comes to", {
  timeout,
}, async () => {
  const program: Node = {
    kind: "sequence",
    nodes: [
      { kind: "step" },
      {
        kind: "all",
        // The branch that comes last is the first to go on.
        nodes: [
          { kind: "sequence", nodes: [{ kind: "sleep", milliseconds: 250 }, call] },
          { kind: "sequence", nodes: [call, call] },
        ],
      },
    ],
  };
  expect(await tryEachCommand((crashes) => start(program, crashes))).toEqual([]);
});

test("nor of a chain, which goes on where it was", { timeout }, async () => {
  expect(await tryEachCommand((crashes) => tryWorkflow(createChain(), crashes, createTrialWorld()))).toEqual(
    [],
  );
});

test("any program comes to what it comes to without crashes", { timeout }, async () => {
  const property = fc.asyncProperty(programs, deaths, async (program, crashes) => {
    const { faults, commands } = await start(program, crashes);
    const died = commands.slice(0, -1).map((sent) => `${sent.length}: ${sent.at(-1)}`);
    const texts = faults.map(({ text }) => text);
    if (faults.length > 0) throw new Error(`${texts.join("\n")}\ndied at ${died.join(" and at ")}`);
  });
  await Promise.all(
    Array.from({ length: lanes }, (_, lane) =>
      fc.assert(property, {
        seed: seed + lane,
        numRuns: Math.ceil(Number(runs ?? 160) / lanes),
        endOnFailure: false,
        ...(!long && { interruptAfterTimeLimit: 40_000 }),
      }),
    ),
  );
});
