import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { readArguments } from "./arguments.ts";
import { type Books, noBooks } from "./books.ts";
import type { Fault, Round } from "./fault.ts";
import { faults } from "./index.ts";
import type { Machine } from "./machine.ts";
import { createRandom } from "./random.ts";
import { failed, renderReport } from "./report.ts";
import { runSuite } from "./suite.ts";

const chaos = fileURLToPath(new URL("chaos.ts", import.meta.url));
const machine: Machine = {
  cpus: 2,
  memoryGiB: 24,
  node: "v24.0.0",
  redis: "Valkey 9.1.0",
  lacks: (need) => (need === "docker" ? "it needs Docker" : undefined),
};

function scripted(name: string, run: (round: Round) => Promise<Partial<Books>>): Fault {
  return {
    name,
    title: name,
    promise: "once",
    rounds: { quick: 1, long: 2 },
    run: async (round) => ({ ...noBooks, enqueued: 2, completed: 2, ...(await run(round)) }),
  };
}

async function suite(list: readonly Fault[], options: { quick?: boolean; seed?: number } = {}) {
  const said: string[] = [];
  const { quick = false, seed = 7 } = options;
  const say = (text: string) => void said.push(text);
  const reports = await runSuite({
    faults: list,
    seed,
    quick,
    machine,
    say,
    signal: new AbortController().signal,
  });
  return { reports, said, document: { seed, quick, machine, faults: reports } };
}

test("a fault whose books balance has passed, with the sums of its rounds", async () => {
  const fine = scripted("fine", async ({ number }) => ({ notes: { number } }));
  const { reports, document } = await suite([fine]);
  expect(reports).toMatchObject([
    { fault: "fine", rounds: 2, enqueued: 4, completed: 4, lost: 0, notes: { number: 2 }, passed: true },
  ]);
  expect(failed(document)).toBe(false);
  expect(renderReport(document)).toMatch(/fine +│ +2 │ +4 │/);
});

test("a round that loses, throws or does not balance fails, says how it is repeated, and others go on", async () => {
  const loses = scripted("loses", async ({ number }) => ({ lost: number - 1 }));
  const throws = scripted("throws", () => Promise.reject(new Error("Redis did not come up")));
  const fine = scripted("fine", async () => ({}));
  const { reports, said, document } = await suite([loses, throws, fine], { seed: 40 });
  expect(reports.map(({ passed }) => passed)).toEqual([false, false, true]);
  expect(reports[1]?.notes).toEqual({ error: "Error: Redis did not come up" });
  expect(said).toContain("loses, round 2: 1 lost");
  expect(said).toContain("once more: ./scripts/chaos.sh --only loses --seed 41 --rounds 1");
  expect(failed(document)).toBe(true);
});

test("a fault of the long form alone is left out of the short one, with the reason; what is shared is ended once", async () => {
  let ends = 0;
  const end = async () => {
    ends += 1;
  };
  const fault = { ...scripted("slow", async () => ({})), rounds: { quick: 0, long: 1 }, end };
  const { reports, document } = await suite([fault, { ...fault, name: "slower" }], { quick: true });
  expect(reports).toMatchObject([{ skipped: "it is part of the long form only", passed: false }, {}]);
  expect(failed(document)).toBe(false);
  expect(ends).toBe(1);
});

test("the repeated round has the draws of the failed one", async () => {
  const draws: number[] = [];
  const fault = scripted("draws", async ({ random }) => {
    draws.push(random.whole(0, 1_000_000));
    return {};
  });
  await suite([fault], { seed: 40 });
  await suite([fault], { seed: 41, quick: true });
  expect(draws).toHaveLength(3);
  expect(draws[2]).toBe(draws[1]);
  expect(draws[1]).not.toBe(draws[0]);
});

test("a fault that the machine cannot have is left out with its reason, and is neither passed nor failed", async () => {
  const fault: Fault = { ...scripted("in-docker", async () => ({})), needs: ["docker"] };
  const fine = scripted("fine", async () => ({}));
  const { reports, document } = await suite([fault, fine]);
  expect(reports[0]).toMatchObject({ rounds: 0, passed: false, skipped: "it needs Docker" });
  expect(failed(document)).toBe(false);
  expect(failed({ ...document, faults: [] })).toBe(true);
});

test("numbers stay between their bounds, and each of a list comes", () => {
  const random = createRandom(3);
  const numbers = Array.from({ length: 1000 }, () => random.whole(2, 5));
  expect([Math.min(...numbers), Math.max(...numbers)]).toEqual([2, 5]);
  expect(new Set(Array.from({ length: 100 }, () => random.pick(["a", "b", "c"]))).size).toBe(3);
});

test.each([
  [["--only", "worker-killed,worker-kiled"], "there is no fault worker-kiled; there are worker-killed"],
  [["--rounds", "0"], "--rounds is no whole number from 1 on: 0"],
  [["--seed", "x"], "--seed is no whole number from 0 on: x"],
  [["--quik"], "--quik"],
])("refused: %j", (args, message) => {
  expect(() => readArguments(args, faults)).toThrow(message);
});

test("the faults have names of their own", () => {
  const names = faults.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) {
    expect(name).toMatch(/^[a-z]+(-[a-z0-9]+)*$/);
  }
});

test("the page on reliability says of each fault what it does", () => {
  const page = readFileSync(new URL("../../docs/reliability.md", import.meta.url), "utf8");
  const named = [...page.matchAll(/^\| `([a-z0-9-]+)`: /gm)].map(([, name]) => name);
  expect(named.toSorted()).toEqual(faults.map(({ name }) => name).toSorted());
});

test("with --json one document is all that is printed on standard output", async () => {
  const { stdout, stderr } = await new Promise<{ stdout: string; stderr: string }>((resolve, reject) => {
    const args = [chaos, "--quick", "--json", "--seed", "3", "--only", "worker-killed"];
    execFile(process.execPath, args, (error, out, err) =>
      error === null ? resolve({ stdout: out, stderr: err }) : reject(error),
    );
  });
  const document = JSON.parse(stdout);
  expect(document).toMatchObject({ seed: 3, quick: true, machine: { node: process.version } });
  expect(document.faults).toMatchObject([
    { fault: "worker-killed", promise: "once", rounds: 1, lost: 0, doubled: 0, passed: true },
  ]);
  const { enqueued, completed, failed: lost, cancelled, expired } = document.faults[0];
  expect(enqueued).toBe(completed + lost + cancelled + expired);
  expect(enqueued).toBeGreaterThan(50);
  expect(stderr).toContain("worker-killed, round 1: killed 3 of 3");
}, 180_000);
