import { expect, test, vi } from "vitest";
import type { Answers, WorkerStats } from "../../src/client/index.ts";
import { LovageError } from "../../src/core/errors.ts";
import { documentOf, lovage, type Script } from "./scripted-doors.ts";

function answersOf<Answer>(answer: Answer, others: Partial<Answers<Answer>> = {}): Answers<Answer> {
  const answers = ["a", "b"].map((worker) => ({ worker, answer, milliseconds: 3 }));
  return { answers, refusals: [], silent: [], dead: [], ...others };
}

const pinged = (others: Partial<Answers<{ ok: "pong" }>>): Script => ({
  inspect: { ping: async () => answersOf({ ok: "pong" as const }, others) },
});
const refusal = { worker: "c", error: { code: "INPUT_INVALID", message: "no", retryable: false } };

test.each<[string, string[], Parameters<typeof pinged>[0], number, string]>([
  ["all answer", [], {}, 0, ""],
  ["a live one does not", [], { silent: ["c"] }, 1, "c did not answer within 1s"],
  ["one refuses", [], { refusals: [refusal] }, 1, "c refused: INPUT_INVALID: no"],
  ["a dead one was not asked for", [], { dead: ["d"] }, 0, "d is dead"],
  ["a dead one was asked for", ["--worker", "d"], { dead: ["d"] }, 1, "d is dead"],
  ["there are none", [], { answers: [] }, 1, "no worker is alive"],
])("%s: the exit code, and who is named", async (_what, args, others, code, named) => {
  const ended = await lovage(["inspect", "ping", ...args], { script: pinged(others) });
  expect(ended.code).toBe(code);
  expect(ended.stderr).toContain(named);
  const json = await lovage(["inspect", "ping", ...args, "--json"], { script: pinged(others) });
  expect(json.code).toBe(code);
  expect(json.stderr).toBe("");
  expect(documentOf(json)).toMatchObject({ silent: [], ...others });
});

test("--worker may be given several times, and --timeout reaches the client", async () => {
  const stats: WorkerStats = {
    pid: 1,
    host: "h",
    startedAt: "2026-01-02T03:04:05Z",
    uptime: 5000,
    queues: [{ name: "ml", concurrency: 2, active: 1, paused: true }],
    completed: 7,
    failed: 1,
    retried: 2,
    cancelled: 0,
    expired: 0,
    handedBack: 0,
    lastTakenAt: null,
    eventLoopLag: 4,
    memory: { rss: 2 ** 27, heapUsed: 1, heapTotal: 1, external: 1 },
    cpu: { user: 1, system: 1 },
  };
  const ask = vi.fn(async () => answersOf(stats));
  const args = ["inspect", "stats", "--worker", "a", "--worker", "b", "--timeout", "300ms"];
  const ended = await lovage(args, { script: { inspect: { stats: ask } } });
  expect(ask).toHaveBeenCalledWith({ workers: ["a", "b"], timeout: "300ms" });
  for (const text of ["ml 1/2 paused", "128 MiB", "never"]) expect(ended.stdout).toContain(text);
});

const never = () => Promise.reject(new Error("it must not be called"));

test.each<[string, string[], string]>([
  ["pause without an object", ["pause"], "nothing says what to pause"],
  ["shutdown of nobody in particular", ["shutdown"], "--worker NAME, or --all"],
  ["shutdown of all and of one", ["shutdown", "--all", "--worker", "a"], "--worker NAME, or --all"],
  ["a time limit without a time", ["time-limit", "t"], "--soft, --hard or both"],
  ["a time limit that is off and on", ["time-limit", "t", "off", "--hard", "1s"], "--soft, --hard or both"],
  ["ids and a filter", ["cancel", "x", "--task", "t"], "ids and a filter"],
  ["a queue that is none", ["add-queue", "mi"], "Did you mean ml?"],
  ["no slots", ["concurrency", "0"], "whole number from 1"],
  ["a purge where nobody can be asked", ["purge", "ml"], "Remove 0 waiting"],
])("%s is wrong usage, and nothing is sent", async (_what, args, text) => {
  const control = new Proxy({}, { get: () => never });
  const ended = await lovage(["control", ...args], { script: { control } });
  expect(ended.code).toBe(2);
  expect(ended.stderr).toContain(text);
});

test.each([
  ["y\n", 0, "removed 3 waiting and 1 scheduled jobs of queue ml"],
  ["\n", 1, "nothing was removed"],
])("a purge asks on a terminal: %j", async (typed, code, text) => {
  const stdin = Object.assign(
    (async function* () {
      yield typed;
    })(),
    { isTTY: true },
  );
  const purge = vi.fn(async () => ({ waiting: 3, scheduled: 1, left: 0 }));
  const ended = await lovage(["control", "purge", "ml"], { stdin, script: { control: { purge } } });
  expect(ended.stderr).toContain("for good? [y/N]");
  expect(ended.stdout + ended.stderr).toContain(text);
  expect(ended.code).toBe(code);
  expect(purge).toHaveBeenCalledTimes(code === 0 ? 1 : 0);
});

test("cancelling by ids tells each outcome, and exits with 1 unless all were cancelled", async () => {
  const cancel = vi.fn(async (id: string) => {
    if (id === "gone") throw new LovageError("JOB_NOT_FOUND", "no job has the id gone");
    return "cancelled" as const;
  });
  const script = { control: { cancel } };
  const some = await lovage(["control", "cancel", "here", "gone", "--json"], { script });
  expect(some.code).toBe(1);
  expect(documentOf(some)).toMatchObject({
    jobs: [
      { id: "here", outcome: "cancelled" },
      { id: "gone", outcome: "error", error: { code: "JOB_NOT_FOUND" } },
    ],
  });
  expect((await lovage(["control", "cancel", "here"], { script })).code).toBe(0);
});

test("a limit of a task goes to Redis even when a worker is silent, and the note says so", async () => {
  const rateLimit = vi.fn(async () => answersOf({ loaded: true as const }, { silent: ["c"] }));
  const args = ["control", "rate-limit", "t", "10/m"];
  const ended = await lovage(args, { script: { control: { rateLimit } } });
  expect(rateLimit).toHaveBeenCalledWith("t", "10/m", { timeout: "1s" });
  expect(ended.stdout).toContain("known to a, b");
  expect(ended.stderr).toContain("Redis keeps the limit");
  expect(ended.code).toBe(1);
});
