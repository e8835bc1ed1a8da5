import { AsyncLocalStorage } from "node:async_hooks";
import { afterEach, beforeEach, expect, test } from "vitest";
import * as z from "zod";
import { createClient } from "#client";
import {
  createCatalogue,
  defineTask,
  defineWorkflow,
  type Hooks,
  LovageError,
  type Run,
  type TasksOf,
} from "#task";
import { createWorld, eventually, type World } from "../support/world.ts";

const storage = new AsyncLocalStorage<string>();

const child = defineTask({
  name: "hooks.child",
  queue: "default",
  input: z.strictObject({}),
  output: z.record(z.string(), z.string()),
  run: async (_input, context) => ({ ...context.job.headers, seen: storage.getStore() ?? "nothing" }),
});
const parent = defineTask({
  name: "hooks.parent",
  queue: "default",
  input: z.strictObject({ what: z.enum(["nothing", "child", "fail", "retry", "hang"]) }),
  output: z.string(),
  retry: { attempts: 2, backoff: 10, maxBackoff: 20 },
  async run({ what }, context) {
    if (what === "hang") {
      return new Promise((_resolve, reject) => {
        context.signal.addEventListener("abort", () => reject(context.signal.reason));
      });
    }
    if (what === "nothing") return "nothing";
    if (what === "retry" && context.job.attempt === 1) throw new Error("the first attempt");
    if (what === "fail") throw new LovageError("INPUT_INVALID", "for good");
    return context.enqueue("hooks.child", {});
  },
});
const flow = defineWorkflow({
  name: "hooks.flow",
  queue: "default",
  input: z.null(),
  output: z.record(z.string(), z.string()),
  run: (_input, context) => context.call(child, {}),
});
const catalogue = createCatalogue([child, parent, flow]);

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

function open(hooks: readonly Hooks[] = [], onError?: (error: Error) => void) {
  return createClient<TasksOf<typeof catalogue>>({
    redis: world.redis,
    catalogue,
    hooks,
    ...(onError && { onError }),
  });
}

/** Writes down each hook it is called by. */
function recorder(name: string, told: string[]): Hooks {
  const tell = (what: string) => (run: Run) => void told.push(`${name}.${what} ${run.job.attempt}`);
  return {
    beforeRun: tell("before"),
    aroundRun: async (_run, next) => {
      told.push(`${name}.in`);
      try {
        return await next();
      } finally {
        told.push(`${name}.out`);
      }
    },
    afterRun: tell("after"),
    onRetry: tell("retry"),
    onFailure: (run, error) => void told.push(`${name}.failure ${run.job.attempt} ${error.code}`),
    onCancelled: tell("cancelled"),
  };
}

test("headers of a hook reach the run, what it enqueues, and its AsyncLocalStorage", async () => {
  const client = open([
    {
      beforeEnqueue(call) {
        call.headers["trace"] = "t-1";
      },
    },
  ]);
  await world.worker({
    catalogue,
    hooks: [
      { aroundRun: (run, next) => storage.run(run.job.headers["trace"] ?? "none", next) },
      {
        beforeEnqueue(call) {
          call.headers["by"] = call.task;
        },
      },
    ],
  });
  const job = await client.enqueue("hooks.parent", { what: "child" });
  const id = await job.result({ timeout: "10s" });
  expect(await (await client.get(id)).result({ timeout: "10s" })).toEqual({
    trace: "t-1",
    by: "hooks.child",
    seen: "t-1",
  });
  const flowing = await client.enqueue("hooks.flow", null);
  expect(await flowing.result({ timeout: "10s" })).toEqual({ trace: "t-1", by: "hooks.child", seen: "t-1" });
  await client.close();
});

test("a hook may refuse a call; one that fails afterwards is only told of", async () => {
  const faults: Error[] = [];
  const placed: string[] = [];
  const client = open(
    [
      {
        beforeEnqueue({ metadata }) {
          if (metadata["tenant"] === undefined) throw new LovageError("TENANT_MISSING", "whose call is it?");
        },
        afterEnqueue(call, { id, queue }) {
          placed.push(`${call.task} ${id} ${queue}`);
          throw new Error("the audit log is full");
        },
      },
    ],
    (error) => faults.push(error),
  );
  await expect(client.enqueue("hooks.child", {}, { id: "refused" })).rejects.toMatchObject({
    code: "TENANT_MISSING",
  });
  await expect(client.get("refused")).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
  const job = await client.enqueue("hooks.child", {}, { metadata: { tenant: "a" } });
  expect(await job.state()).toBe("waiting");
  expect(placed).toEqual([`hooks.child ${job.id} default`]);
  expect(faults[0]?.message).toContain("the audit log is full");
  await client.close();
});

test.each([
  { name: "no text", headers: { n: 5 as never } },
  { name: "too large", headers: { n: "x".repeat(9000) } },
])("headers that are $name are refused", async ({ headers }) => {
  const client = open([{ beforeEnqueue: (call) => void Object.assign(call.headers, headers) }]);
  await expect(client.enqueue("hooks.child", {})).rejects.toMatchObject({ code: "INPUT_INVALID" });
  await client.close();
});

test("the first hooks are the outermost, and each ending has its hook", async () => {
  const told: string[] = [];
  await world.worker({ catalogue, hooks: [recorder("a", told), recorder("b", told)] });
  const client = open();
  const entry = (attempt: number) => [`a.before ${attempt}`, "a.in", `b.before ${attempt}`, "b.in"];
  const exit = ["b.out", "a.out"];

  await (await client.enqueue("hooks.parent", { what: "nothing" })).result({ timeout: "10s" });
  expect(told).toEqual([...entry(1), ...exit, "b.after 1", "a.after 1"]);

  told.length = 0;
  const failing = await client.enqueue("hooks.parent", { what: "fail" });
  await expect(failing.result({ timeout: "10s" })).rejects.toMatchObject({ code: "INPUT_INVALID" });
  expect(told.slice(6)).toEqual(["b.failure 1 INPUT_INVALID", "a.failure 1 INPUT_INVALID"]);

  told.length = 0;
  await (await client.enqueue("hooks.parent", { what: "retry" })).result({ timeout: "10s" });
  expect(told.slice(0, 12)).toEqual([...entry(1), ...exit, "b.retry 1", "a.retry 1", ...entry(2)]);

  told.length = 0;
  const hanging = await client.enqueue("hooks.parent", { what: "hang" });
  await eventually("it runs", async () => (await hanging.state()) === "active");
  await hanging.cancel();
  await expect(hanging.result({ timeout: "10s" })).rejects.toMatchObject({ code: "JOB_CANCELLED" });
  expect(told.slice(-2)).toEqual(["b.cancelled 1", "a.cancelled 1"]);
  await client.close();
});

test("jobs that are over before they run are told of: expired, cancelled, unreadable, stalled too often", async () => {
  const told: string[] = [];
  const client = open();
  const expired = await client.enqueue("hooks.child", {}, { expires: new Date(Date.now() - 1000) });
  const cancelled = await client.enqueue("hooks.child", {});
  await cancelled.cancel();
  await world.broker.queue("default").add("hooks.child", "no call", { jobId: "bad" });
  const stalled = await client.enqueue("hooks.child", {});
  // What BullMQ itself leaves with a job whose workers died too often.
  await world.broker.redis.hset(world.broker.keys.job("default", stalled.id), {
    defa: "job stalled more than allowable limit",
  });
  await world.worker({ catalogue, hooks: [recorder("a", told)] });
  await eventually("all were told", () => told.length === 4);
  expect(told.toSorted()).toEqual([
    "a.cancelled 1",
    "a.failure 1 JOB_EXPIRED",
    "a.failure 1 JOB_STALLED",
    "a.failure 1 PAYLOAD_INVALID",
  ]);
  expect(await expired.state()).toBe("expired");
  await client.close();
});

test("what a hook throws before or around a run is the attempt's error; after it, nothing", async () => {
  await world.worker({
    catalogue,
    hooks: [
      {
        beforeRun({ job }) {
          if (job.headers["refuse"] === "before") throw new LovageError("TENANT_UNKNOWN", "not here");
        },
        aroundRun: async ({ job }, next) => {
          const result = await next();
          if (job.headers["refuse"] === "around") throw new LovageError("SPAN_LOST", "not so");
          return result;
        },
        afterRun: () => Promise.reject(new Error("ignored")),
        onFailure: () => Promise.reject(new Error("ignored too")),
      },
    ],
  });
  let refuse = "";
  const client = open([
    {
      beforeEnqueue(call) {
        call.headers["refuse"] = refuse;
      },
    },
  ]);
  expect(await (await client.enqueue("hooks.child", {})).result({ timeout: "10s" })).toMatchObject({});
  for (const [where, code] of [
    ["before", "TENANT_UNKNOWN"],
    ["around", "SPAN_LOST"],
  ]) {
    refuse = where ?? "";
    const job = await client.enqueue("hooks.child", {});
    await expect(job.result({ timeout: "10s" })).rejects.toMatchObject({ code });
  }
  await client.close();
});

test("a hook that hangs around a run does not hold a job that was cancelled", async () => {
  await world.worker({ catalogue, hooks: [{ aroundRun: () => new Promise(() => {}) }] });
  const client = open();
  const job = await client.enqueue("hooks.child", {});
  await eventually("it runs", async () => (await job.state()) === "active");
  await job.cancel();
  await expect(job.result({ timeout: "10s" })).rejects.toMatchObject({ code: "JOB_CANCELLED" });
  await client.close();
});

test("a hook that wakes up when the attempt is over runs nothing", async () => {
  const { promise: asleep, resolve: wake } = Promise.withResolvers<void>();
  const late: unknown[] = [];
  let ran = 0;
  const counted = defineTask({
    name: "hooks.counted",
    queue: "default",
    input: z.null(),
    output: z.null(),
    run: async () => {
      ran += 1;
      return null;
    },
  });
  await world.worker({
    catalogue: createCatalogue([counted]),
    hooks: [
      {
        async aroundRun(_run, next) {
          void asleep.then(() => next().catch((error) => late.push(error)));
          return null as never;
        },
      },
    ],
  });
  const client = createClient({ redis: world.redis });
  expect(await (await client.enqueue("hooks.counted", null)).result({ timeout: "10s" })).toBeNull();
  wake();
  await eventually("the late call is refused", () => late.length === 1);
  expect(ran).toBe(0);
  await client.close();
});

test("a worker's life is told in order, with its dependencies, whatever the hooks throw", async () => {
  const told: string[] = [];
  const hook = (what: string) => () => {
    told.push(what);
    throw new Error("ignored");
  };
  const dependencies = { db: "a pool" };
  let seen: unknown;
  const worker = await world.worker({
    catalogue,
    queues: ["default"],
    dependencies,
    hooks: [
      {
        onStart(facts) {
          seen = facts;
          hook("start")();
        },
        onReady: hook("ready"),
        onStopping: hook("stopping"),
        onStopped: hook("stopped"),
      },
    ],
  });
  expect(told).toEqual(["start", "ready"]);
  expect(seen).toEqual({ name: "test-worker", queues: ["default"], dependencies });
  await worker.stop();
  expect(told).toEqual(["start", "ready", "stopping", "stopped"]);
});
