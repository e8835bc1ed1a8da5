import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { createClusterDoor } from "../../src/bin/cluster-door.ts";
import type { ClusterDoor, RayJobRow } from "../../src/core/cluster.ts";
import { createRayClient, type RayClient } from "../../src/ray-client-http/index.ts";
import { createDashboardWorld, type DashboardWorld, oneCluster } from "../support/dashboard-world.ts";
import { silence, startScriptedRay } from "../support/scripted-ray-server.ts";
import { eventually } from "../support/world.ts";

const row: RayJobRow = {
  cluster: "default",
  submissionId: "lovage:ml:job-1:00000000:a1",
  status: "RUNNING",
  entrypoint: "python train.py",
  jobId: "job-1",
  queue: "ml",
  task: "test.train",
  attempt: 1,
  startedAt: new Date(Date.now() - 60_000),
  endedAt: null,
  message: null,
};
const foreign = { ...row, submissionId: "raysubmit_x", jobId: null, queue: null, task: null, attempt: null };

/** A cluster that does what the test says. */
function scriptedCluster(changes: Partial<ClusterDoor> = {}): ClusterDoor & { looks: number } {
  const node = {
    id: "a".repeat(56),
    address: "10.0.0.1",
    alive: true,
    head: true,
    cpus: 4,
    cpusUsed: 1.5,
    memory: 2 ** 33,
  };
  const cluster = {
    looks: 0,
    clusters: [oneCluster],
    nodes: async () => [
      node,
      { ...node, id: "b".repeat(56), address: "10.0.0.2", alive: false, head: false, cpusUsed: null },
    ],
    async rayJobs() {
      cluster.looks += 1;
      return [row, { ...foreign, status: "SUCCEEDED", endedAt: new Date() }];
    },
    rayJob: async (id: string) => [row, foreign].find(({ submissionId }) => submissionId === id) ?? null,
    async *log() {},
    close: async () => {},
    ...changes,
  };
  return cluster;
}

async function withCluster<T>(cluster: ClusterDoor, use: (world: DashboardWorld) => Promise<T>): Promise<T> {
  const world = await createDashboardWorld({ dashboard: { cluster } });
  try {
    return await use(world);
  } finally {
    await world.close();
  }
}

/** Everything that a log stream sends until it ends. */
async function readLog(world: DashboardWorld, id: string) {
  const viewer = await world.login("viewer");
  const text = await (await viewer.fetch(`/ray/${encodeURIComponent(id)}/log`)).text();
  return [...text.matchAll(/^event: (\w+)\ndata: (.*)$/gm)].map(([, event, data]) => ({
    event,
    ...JSON.parse(data ?? "{}"),
  }));
}

test("nodes, their CPUs, and Ray jobs with the job that made them: those that run, or all", async () => {
  await withCluster(scriptedCluster(), async (world) => {
    const viewer = await world.login("viewer");
    const running = await (await viewer.fetch("/ray")).text();
    for (const part of [
      "10.0.0.1",
      "10.0.0.2",
      "1.5 of 4",
      "8.0 GiB",
      "1 dead",
      'href="/jobs/ml/job-1"',
      row.submissionId,
    ])
      expect(running).toContain(part);
    expect(running).not.toContain("raysubmit_x");
    const all = await (await viewer.fetch("/ray?show=all")).text();
    expect(all).toContain("raysubmit_x");
    expect(all).toContain("python train.py");
    expect((await viewer.fetch("/ray/nope")).status).toBe(404);
  });
});

test("of several clusters each has a page; a Ray job is found on whichever has it", async () => {
  const two = [oneCluster, { ...oneCluster, name: "gpu" }];
  const asked: (string | undefined)[] = [];
  const base = scriptedCluster();
  const cluster = {
    ...base,
    clusters: two,
    async nodes({ cluster: name }: { cluster?: string | undefined } = {}) {
      asked.push(name);
      return base.nodes();
    },
    async rayJob(id: string, { cluster: name }: { cluster?: string | undefined } = {}) {
      return name === "gpu" && id === row.submissionId ? { ...row, cluster: "gpu" } : null;
    },
  };
  await withCluster(cluster, async (world) => {
    const viewer = await world.login("viewer");
    expect(await (await viewer.fetch("/ray")).text()).toContain('href="/ray?cluster=gpu"');
    expect((await viewer.fetch("/ray?cluster=gpu")).status).toBe(200);
    expect(asked).toEqual(["default", "gpu"]);
    expect((await viewer.fetch("/ray?cluster=gpx")).status).toBe(422);
    const page = await (await viewer.fetch(`/ray/${encodeURIComponent(row.submissionId)}`)).text();
    expect(page).toContain(`/ray/${encodeURIComponent(row.submissionId)}/log?cluster=gpu`);
    expect((await viewer.fetch("/ray/unknown")).status).toBe(404);
  });
});

test("all who look share one look, and none happens when nobody looks", async () => {
  const cluster = scriptedCluster();
  await withCluster(cluster, async (world) => {
    const viewer = await world.login("viewer");
    expect(cluster.looks).toBe(0);
    await Promise.all(Array.from({ length: 10 }, () => viewer.fetch("/ray")));
    await viewer.fetch("/ray?show=all");
    expect(cluster.looks).toBe(1);
  });
});

test("of very many Ray jobs the newest are shown, and quickly", async () => {
  const many = Array.from({ length: 20_000 }, (_, index) => ({
    ...row,
    submissionId: `job-${index}`,
    startedAt: new Date(index * 1000),
  }));
  await withCluster(scriptedCluster({ rayJobs: async () => many }), async (world) => {
    const page = await (await (await world.login("viewer")).fetch("/ray")).text();
    expect(page).toContain(">job-19999<");
    expect(page).toContain("19900 older ones are not shown");
    expect(page.length).toBeLessThan(200_000);
  });
});

test("a cluster that is silent holds up no page: it says so later by itself, with the code", async () => {
  const silent = await startScriptedRay();
  for (const path of [
    "/api/jobs/",
    "/api/v0/nodes?detail=1&limit=10000",
    "/nodes?view=summary",
    "/api/cluster_status",
    "/api/jobs/x",
  ])
    silent.on("GET", path, silence);
  const ray = createRayClient({ address: silent.url });
  try {
    await withCluster(createClusterDoor([oneCluster], { default: ray }), async (world) => {
      const viewer = await world.login("viewer");
      const first = await viewer.fetch("/ray");
      expect([first.status, await first.text()]).toEqual([
        200,
        expect.stringContaining("Asking the cluster"),
      ]);
      const one = await viewer.fetch("/ray/x");
      expect([one.status, await one.text()]).toEqual([200, expect.stringContaining("Asking the cluster")]);
      await eventually("the page tells the code", async () =>
        (await (await viewer.fetch("/ray")).text()).includes("RAY_TIMEOUT"),
      );
    });
  } finally {
    await ray.close();
    await silent.close();
  }
});

test("a log ends with its Ray job; of a flood the last lines are kept, and the rest is counted", async () => {
  const flood = Array.from({ length: 5000 }, (_, index) => `line ${index}`);
  const log = async function* () {
    yield ["first"];
    yield [...flood, "x".repeat(10_000)];
  };
  await withCluster(scriptedCluster({ log }), async (world) => {
    const events = await readLog(world, row.submissionId);
    const told = events.filter(({ event }) => event === "lines");
    const lines = told.flatMap((event) => event.lines as string[]);
    expect(lines.length).toBeLessThanOrEqual(1001);
    expect(lines.at(-2)).toBe("line 4999");
    expect(lines.at(-1)).toHaveLength(4000);
    const left = told.reduce((sum, event) => sum + event.left, 0);
    expect(left + lines.length).toBe(5002);
    expect(events.at(-1)?.event).toBe("end");
  });
});

test("a log that cannot be read says why; one whose reader leaves is left as well", async () => {
  let signal: AbortSignal | undefined;
  const log = async function* (id: string, given: AbortSignal) {
    signal = given;
    yield ["first"];
    if (id === "bad")
      throw Object.assign(new Error("no answer"), { code: "RAY_UNAVAILABLE", retryable: true });
    await new Promise((resolve) => given.addEventListener("abort", resolve, { once: true }));
  };
  await withCluster(scriptedCluster({ log }), async (world) => {
    expect((await readLog(world, "bad")).at(-1)).toMatchObject({ event: "trouble", code: "RAY_UNAVAILABLE" });
    const reader = new AbortController();
    const viewer = await world.login("viewer");
    await viewer.fetch("/ray/good/log", { signal: reader.signal });
    await eventually("the log is open", () => signal?.aborted === false);
    reader.abort();
    await eventually("it was left", () => signal?.aborted);
    expect((await fetch(`${world.url}/ray/good/log`, { redirect: "manual" })).status).not.toBe(200);
  });
});

let ray: RayClient;
let real: DashboardWorld;
beforeAll(async () => {
  ray = createRayClient({ address: inject("rayAddress") });
  real = await createDashboardWorld({
    dashboard: { cluster: createClusterDoor([oneCluster], { default: ray }) },
  });
});
afterAll(async () => {
  await real?.close();
  await ray?.close();
});

test("on a real cluster: the Ray job of a job that runs, its log as it grows and once it has ended, without marked lines", async () => {
  await real.worker({ queues: ["ml"] });
  const job = await real.client.enqueue("test.ray_echo", { seconds: 4, lines: 3, text: "really" });
  const id = await real.submissionId(job.id);
  const viewer = await real.login("viewer");
  const path = `/ray/${encodeURIComponent(id)}`;
  await eventually("it runs", async () =>
    (await (await viewer.fetch(path)).text()).includes("state-running"),
  );
  const linesOf = async () =>
    (await readLog(real, id)).flatMap(({ event, lines }) => (event === "lines" ? (lines as string[]) : []));
  const expected = ["began really", "line 0", "line 1", "line 2"];
  const followed = await linesOf();
  expect(followed.filter((line) => expected.includes(line))).toEqual(expected);
  expect(followed.join("\n")).not.toContain("progress");
  await job.result({ timeout: "60s" });
  expect((await linesOf()).filter((line) => expected.includes(line))).toEqual(expected);
  await eventually("the page says so", async () =>
    (await (await viewer.fetch(path)).text()).includes("state-succeeded"),
  );
  // A page does not wait for a cluster that takes its time, and asks again.
  await eventually("the list has it", async () =>
    (await (await viewer.fetch("/ray?show=all")).text()).includes(`/jobs/ml/${job.id}`),
  );
});
