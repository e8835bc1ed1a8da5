import { stripVTControlCharacters } from "node:util";
import picocolors from "picocolors";
import { expect, test } from "vitest";
import { renderTop, type TopLook } from "../../src/cli/top-frame.ts";
import type { QueueOverview, WorkerView } from "../../src/client/index.ts";
import { LovageError } from "../../src/core/errors.ts";
import { documentOf, lovage, type Script } from "./scripted-doors.ts";

const queueOf = (queue: string, waiting = 0): QueueOverview => ({
  queue,
  waiting,
  scheduled: 0,
  active: 1,
  failed: 0,
  waitingChildren: 0,
  oldestMilliseconds: waiting === 0 ? null : 61_000,
  workers: 1,
  paused: queue === "data",
});

const workerOf = (name: string, state: WorkerView["state"] = "alive"): WorkerView => ({
  name,
  instance: name,
  state,
  why: "",
  age: 400,
  host: "h",
  pid: 1,
  version: "1",
  at: 0,
  startedAt: 0,
  queues: [{ name: "ml", concurrency: 2, active: 1, takenAt: null, paused: false }],
  completed: 5,
  failed: 0,
  retried: 0,
  lag: 2,
  rss: 2 ** 27,
  stopping: false,
});

const id = "3f0c6a52-5a7e-4c0f-9d0e-0f7b1f7a9c11";
const job = (at: number): TopLook["active"][number] => ({
  worker: `worker-${at}@a-machine-with-a-long-name`,
  id: at === 0 ? id : `job-${at}`,
  task: "tasks.ml_tasks.distributed_training",
  queue: "ml",
  attempt: 1,
  startedAt: "2026-01-02T03:04:05Z",
  running: 65_000,
  rayJob: `lovage:ml:job-${at}:00000000:a1`,
  input: '{"dataset":"\u001b[31mred\u001b[0m"}',
});

const look = (workers: number, jobs: number): TopLook => ({
  at: new Date("2026-01-02T03:04:05Z"),
  queues: [queueOf("ml", 3), queueOf("data"), queueOf("default")],
  workers: Array.from({ length: workers }, (_, at) => workerOf(`worker-${at}`, at === 3 ? "dead" : "alive")),
  active: Array.from({ length: jobs }, (_, at) => job(at)),
  silent: ["worker-1"],
});

const colors = picocolors.createColors(true);

test.each([120, 100, 80, 60, 40])(
  "a view %i characters wide is never wider or higher than the terminal",
  (width) => {
    for (const height of [8, 12, 23, 50]) {
      for (const [workers, jobs] of [
        [0, 0],
        [4, 3],
        [30, 200],
      ] as const) {
        const lines = renderTop(look(workers, jobs), { width, height }, colors).split("\n");
        expect(lines.length).toBeLessThanOrEqual(height);
        for (const line of lines) expect(stripVTControlCharacters(line).length).toBeLessThanOrEqual(width);
      }
    }
  },
);

test("ids stay whole in eighty columns, and what is left out is counted", () => {
  const text = stripVTControlCharacters(renderTop(look(4, 200), { width: 80, height: 23 }, colors));
  expect(text).toContain(id);
  expect(text).toMatch(/… \d+ more running jobs/);
  expect(text).toContain("3 of 4 workers up");
  expect(text).toContain("3 of 6 slots taken");
  expect(text).toContain("data (paused)");
});

test("the dead come first, and who did not answer is called silent", () => {
  const lines = stripVTControlCharacters(renderTop(look(4, 0), { width: 120, height: 40 }, colors)).split(
    "\n",
  );
  const workers = lines.filter((line) => line.startsWith("worker-"));
  expect(workers[0]).toMatch(/^worker-3 +dead/);
  expect(workers.find((line) => line.startsWith("worker-1"))).toMatch(/silent/);
});

const script: Script = {
  inspect: {
    queues: async () => look(0, 0).queues,
    workers: async () => look(2, 0).workers,
    active: async () => ({
      answers: [{ worker: "worker-0", answer: [job(0)], milliseconds: 1 }],
      refusals: [],
      silent: [],
      dead: [],
    }),
  },
};

test("without a terminal it prints one view, with --json one document", async () => {
  const once = await lovage(["top"], { script });
  expect(once.code).toBe(0);
  expect(once.stdout).toContain(id);
  expect(once.stdout).not.toContain("\u001b");
  const json = await lovage(["top", "--json"], { script });
  expect(documentOf(json)).toMatchObject({ active: [{ id, worker: "worker-0" }] });
});

test("on a terminal it draws until q, and leaves the terminal as it was", async () => {
  let stopped = 0;
  const onKey = (listener: (key: string) => void) => {
    setTimeout(() => listener("x"), 20);
    setTimeout(() => listener("q"), 60);
    return () => {
      stopped += 1;
    };
  };
  const ended = await lovage(["top"], { script, terminal: 80, onKey });
  expect(ended.code).toBe(0);
  expect(stopped).toBe(1);
  expect(ended.stdout).toContain("lovage top");
  expect(ended.stdout.endsWith("\u001b[?1049l")).toBe(true);
  expect(ended.closed).toBe(1);
});

test("q ends it also while Redis is away, and so does Ctrl-C", async () => {
  const away: Script = { inspect: { ...script.inspect, queues: () => new Promise(() => {}) } };
  const press = (key: string) => (listener: (key: string) => void) => {
    setTimeout(() => listener(key), 20);
    return () => {};
  };
  for (const key of ["q", "\u0003"]) {
    const ended = await lovage(["top"], { script: away, terminal: 80, onKey: press(key) });
    expect(ended.code).toBe(0);
    expect(ended.stdout.endsWith("\u001b[?1049l")).toBe(true);
  }
});

test("a Redis that is away for a moment is told of below what was seen last", async () => {
  let looks = 0;
  const shaky: Script = {
    inspect: {
      ...script.inspect,
      queues: async () => {
        looks += 1;
        if (looks === 2) throw new LovageError("REDIS_UNAVAILABLE", "no answer");
        return look(0, 0).queues;
      },
    },
  };
  const onKey = (listener: (key: string) => void) => {
    const timer = setInterval(() => looks >= 3 && listener("q"), 20);
    return () => clearInterval(timer);
  };
  const ended = await lovage(["top"], { script: shaky, terminal: 80, onKey });
  expect(ended.stdout).toContain("REDIS_UNAVAILABLE: no answer");
  expect(ended.code).toBe(0);
});
