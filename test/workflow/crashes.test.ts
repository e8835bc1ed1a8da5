import { randomUUID } from "node:crypto";
import * as fc from "fast-check";
import { expect, inject, test } from "vitest";
import { type Death, deaths, tryProgram } from "./crash-trial.ts";
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

const start = (program: Node, crashes: readonly Death[]) =>
  tryProgram(program, crashes, { redis: inject("redisUrl"), prefix: `trial-${randomUUID().slice(0, 8)}` });

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
  const calm = await start(program, []);
  expect(calm.faults).toEqual([]);
  const commands = calm.commands[0]?.length ?? 0;
  // The first ones only say who the worker is.
  const first = calm.commands[0]?.findIndex((sent) => sent.startsWith("bzpopmin")) ?? 0;
  const crashes = Array.from({ length: commands - first }, (_, index) => first + index + 1).flatMap(
    (at): Death[] => {
      const both = [true, false].map((carriedOut) => ({ at, carriedOut, late: true }));
      return long ? both : both.slice(at % 2, (at % 2) + 1);
    },
  );
  const lost: unknown[] = [];
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (let crash = crashes.pop(); crash !== undefined; crash = crashes.pop()) {
        const { faults, commands } = await start(program, [crash]);
        if (faults.length > 0) lost.push({ crash, at: commands[0]?.at(-1), faults });
      }
    }),
  );
  expect(lost).toEqual([]);
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
