import { expect, test } from "vitest";
import type { TaskContext } from "#task";
import { judge, type Observation } from "../../tasks/health_verdict.ts";
import { checkClusterHealth, sendNotification } from "../../tasks/simple_tasks.ts";
import { createTestContext } from "./task-context.ts";

const minute = 60_000;
const ray = {
  reachable: true as const,
  nodes: { alive: 9, expected: 9 },
  cpus: { alive: 25, expected: 25, largestNode: 4 },
  pendingDemand: [],
};
const redis = {
  version: "9.1",
  usedBytes: 10,
  maxBytes: 100,
  policy: "noeviction",
  appendOnly: true,
  persistenceOk: true,
};
const queue = {
  queue: "ml",
  waiting: 0,
  scheduled: 0,
  active: 0,
  failed: 0,
  oldestMilliseconds: null,
  workers: 1,
};
const waiting = (oldestMilliseconds: number) => ({ ...queue, waiting: 3, oldestMilliseconds });
const demand = (cpus: number) => [{ resources: { CPU: cpus }, count: 2 }];
const unreachable = { reachable: false as const, error: { code: "RAY_TIMEOUT", message: "no answer" } };

test.each<[string, Partial<Observation>, string, string[]]>([
  ["all is well", {}, "ok", []],
  ["more than expected", { ray: { ...ray, nodes: { alive: 10, expected: 9 } } }, "ok", []],
  ["Ray does not answer", { ray: unreachable }, "down", ["RAY_UNREACHABLE"]],
  ["no node", { ray: { ...ray, nodes: { alive: 0, expected: 9 } } }, "down", ["RAY_NODES_NONE"]],
  [
    "a node is gone",
    { ray: { ...ray, nodes: { alive: 8, expected: 9 } } },
    "degraded",
    ["RAY_NODES_MISSING"],
  ],
  [
    "CPUs are gone",
    { ray: { ...ray, cpus: { alive: 24, expected: 25, largestNode: 4 } } },
    "degraded",
    ["RAY_CPUS_MISSING"],
  ],
  ["demand waits its turn", { ray: { ...ray, pendingDemand: demand(4) } }, "ok", []],
  ["demand fits nowhere", { ray: { ...ray, pendingDemand: demand(5) } }, "degraded", ["RAY_DEMAND_UNMET"]],
  ["demand is not told", { ray: { ...ray, pendingDemand: null } }, "degraded", ["RAY_DEMAND_UNKNOWN"]],
  ["80 % of memory", { redis: { ...redis, usedBytes: 80 } }, "ok", []],
  ["81 % of memory", { redis: { ...redis, usedBytes: 81 } }, "degraded", ["REDIS_MEMORY_HIGH"]],
  ["no memory limit", { redis: { ...redis, usedBytes: 81, maxBytes: 0 } }, "ok", []],
  ["evicting", { redis: { ...redis, policy: "allkeys-lru" } }, "degraded", ["REDIS_POLICY"]],
  ["not on disk", { redis: { ...redis, appendOnly: false } }, "degraded", ["REDIS_NOT_PERSISTENT"]],
  ["disk full", { redis: { ...redis, persistenceOk: false } }, "degraded", ["REDIS_PERSISTENCE_FAILING"]],
  ["no worker", { queues: [queue, { ...queue, workers: 0 }] }, "degraded", ["QUEUE_WITHOUT_WORKERS"]],
  ["15 minutes of waiting", { queues: [waiting(15 * minute)] }, "ok", []],
  ["longer", { queues: [waiting(15 * minute + 1)] }, "degraded", ["QUEUE_SLOW"]],
  [
    "several at once, the worst decides",
    {
      ray: unreachable,
      redis: { ...redis, policy: "allkeys-lru" },
      queues: [{ ...waiting(16 * minute), workers: 0 }],
    },
    "down",
    ["RAY_UNREACHABLE", "REDIS_POLICY", "QUEUE_WITHOUT_WORKERS", "QUEUE_SLOW"],
  ],
])("judges: %s", (_name, part, verdict, codes) => {
  const judged = judge({ ray, redis, queues: [queue], ...part });
  expect(judged.verdict).toBe(verdict);
  expect(judged.reasons.map((reason) => reason.code)).toEqual(codes);
});

const dead = async (): Promise<never> => {
  throw Object.assign(new Error("connect refused"), { code: "RAY_UNAVAILABLE" });
};

/** A deployment whose Ray can be switched off, with the checks' memory kept in between. */
function world() {
  const state = { ray: true };
  const test = createTestContext();
  const { cluster } = test.context;
  const nodes = () => (state.ray ? cluster.nodes() : dead());
  const context = { ...test.context, cluster: { ...cluster, nodes } };
  const check = async (parts: Partial<TaskContext> = {}) => {
    const report = await checkClusterHealth.run?.({}, { ...context, ...parts });
    return checkClusterHealth.output.parse(report);
  };
  return { ...test, context, state, check };
}

test("a first check that finds all well tells nobody", async () => {
  const { check, enqueued } = world();
  expect(await check()).toMatchObject({ verdict: "ok", previous: null, notified: [] });
  expect(enqueued.size).toBe(0);
});

test("a first check that does not is told", async () => {
  const { check, enqueued, state } = world();
  state.ray = false;
  const report = await check();
  expect(report).toMatchObject({ verdict: "down", previous: null, ray: { reachable: false } });
  expect(report.notified).toEqual([...enqueued.keys()]);
  expect(enqueued.size).toBe(1);
});

test("each change is told once, with an input the notification takes", async () => {
  const { check, enqueued, state } = world();
  await check();
  state.ray = false;
  const fallen = await check();
  expect((await check()).notified).toEqual([]);
  state.ray = true;
  const risen = await check();
  expect((await check()).notified).toEqual([]);
  expect([...enqueued.keys()]).toEqual([...fallen.notified, ...risen.notified]);
  expect(new Set(enqueued.keys()).size).toBe(2);
  const inputs = [...enqueued.values()].map(({ task, input }) => {
    expect(task).toBe(sendNotification.name);
    return sendNotification.input.parse(input);
  });
  expect(inputs).toMatchObject([
    { subject: "Cluster health: down (was ok)", level: "error", channels: ["log"] },
    { subject: "Cluster health: ok (was down)", level: "info" },
  ]);
  expect(inputs[0]?.message).toContain("RAY_UNREACHABLE");
});

test.each(["before the notification was enqueued", "after it"])(
  "a crash %s neither loses nor doubles it",
  async (moment) => {
    const { check, context, enqueued, state } = world();
    await check();
    state.ray = false;
    const crash = async (...call: Parameters<TaskContext["enqueue"]>): Promise<string> => {
      if (moment === "after it") await context.enqueue(...call);
      throw new Error("crash");
    };
    await expect(check({ enqueue: crash })).rejects.toThrow("crash");
    // What changed meanwhile is told too, after what was left over.
    state.ray = true;
    await check();
    await check();
    const subjects = [...enqueued.values()].map(({ input }) => sendNotification.input.parse(input).subject);
    expect(subjects).toEqual(["Cluster health: down (was ok)", "Cluster health: ok (was down)"]);
  },
);

test("two checks at the same time tell once", async () => {
  const { check, enqueued, state } = world();
  await check();
  state.ray = false;
  await Promise.all([check(), check()]);
  expect(enqueued.size).toBe(1);
});

test("without channels a change is only remembered", async () => {
  const { check, context, enqueued, state } = world();
  const settings = { ...context.settings, healthChannels: [] };
  state.ray = false;
  expect(await check({ settings })).toMatchObject({ verdict: "down", notified: [] });
  expect(await check({ settings })).toMatchObject({ previous: "down", notified: [] });
  expect(enqueued.size).toBe(0);
});

test("a cancelled check is not a cluster that is down", async () => {
  const { check, enqueued, state } = world();
  state.ray = false;
  const reason = new Error("cancelled");
  await expect(check({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expect(enqueued.size).toBe(0);
});
