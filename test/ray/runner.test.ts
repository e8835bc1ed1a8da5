import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { LovageError } from "../../src/core/errors.ts";
import { createRayClusters } from "../../src/ray/clusters.ts";
import { createProgramPackage } from "../../src/ray/program.ts";
import { createRayRunner } from "../../src/ray/runner.ts";
import { RayError } from "../../src/ray-client-http/index.ts";
import { eventually } from "../support/world.ts";
import { createScriptedCluster, createScriptedHost } from "./scripted-cluster.ts";

const folder = mkdtempSync(join(tmpdir(), "lovage-runner-"));
writeFileSync(join(folder, "x.py"), "");
afterAll(() => rmSync(folder, { recursive: true }));
const definition = {
  program: "x.py",
  resources: {},
  deadlines: { start: 60_000, run: 60_000 },
  environment: {},
};
const attempt = { jobId: "j", task: "t", queue: "ml", attempt: 1, enqueuedAt: 1 };
const cancelled = new LovageError("JOB_CANCELLED", "no longer wanted");

function createRun(settings = { unavailableTimeout: 60_000 }) {
  const cluster = createScriptedCluster();
  const runner = createRayRunner(
    createRayClusters({
      default: {
        client: cluster.client,
        programs: createProgramPackage(cluster.client, folder),
        settings: {
          world: "w",
          datasetsDir: "/d",
          modelsDir: "/m",
          uriSchemes: [],
          pip: undefined,
          ...settings,
        },
      },
    }),
  );
  const host = createScriptedHost();
  const run = (changes: Partial<typeof definition> = {}) =>
    runner.run({ ...definition, ...changes }, attempt, {}, host);
  const succeed = () => {
    for (const job of cluster.jobs.values()) {
      Object.assign(job, { status: "SUCCEEDED", log: '::lovage:: {"type":"result","value":{"ok":true}}\n' });
    }
  };
  return { cluster, runner, host, run, succeed };
}

test("a token that is refused while the program runs is waited for: the run is not lost", async () => {
  const { cluster, run, succeed } = createRun();
  let refusals = 0;
  cluster.before = async (call) => {
    if (call !== "get" || ++refusals > 3) return;
    throw new RayError("RAY_UNAUTHORIZED", "the token was renewed", { status: 401 });
  };
  const running = run();
  await eventually("the token is accepted again", () => refusals > 3);
  succeed();
  expect(await running).toEqual({ ok: true });
});

test("a token that is refused at the submit is said at once", async () => {
  const { cluster, run } = createRun();
  cluster.before = async () => {
    throw new RayError("RAY_UNAUTHORIZED", "no token", { status: 401 });
  };
  await expect(run()).rejects.toMatchObject({ code: "RAY_UNAUTHORIZED" });
});

test("cancelled while a submit hangs: the job ends at once, and the reaper gets what may still start", async () => {
  const { cluster, runner, host, run } = createRun();
  const answer = Promise.withResolvers<void>();
  cluster.before = (call) => (call === "submit" ? answer.promise : Promise.resolve());
  const running = run();
  await eventually("the submit is under way", () => cluster.calls.includes("submit"));
  host.abort.abort(cancelled);
  await expect(running).rejects.toBe(cancelled);
  await runner.leaveToReaper(host);
  expect(host.stopping.size).toBe(1);
  answer.resolve();
  await eventually("it started all the same", () => cluster.jobs.size === 1);
  expect([...host.stopping]).toEqual([...cluster.jobs.keys()]);
});

test("cancelled while a silent cluster is asked: a request that hangs is ended too", async () => {
  const { cluster, runner, host, run } = createRun();
  const running = run();
  await eventually("it is submitted", () => cluster.jobs.size === 1);
  cluster.before = (_call, signal) =>
    new Promise((_resolve, reject) => {
      signal?.addEventListener("abort", () => reject(new RayError("RAY_ABORTED", "aborted")));
    });
  const polled = cluster.calls.length;
  await eventually("a look hangs", () => cluster.calls.length > polled);
  host.abort.abort(new LovageError("WORKER_STOPPING", "stops"));
  await expect(running).rejects.toMatchObject({ code: "WORKER_STOPPING" });
  // The job is handed back and its Ray job goes on; only an ending leaves it to the reaper.
  expect(host.stopping.size).toBe(0);
  await runner.leaveToReaper(host);
  expect(host.stopping.size).toBe(1);
});

test("a deadline's verdict outlives the worker that stopped the Ray job", async () => {
  const { cluster, host, run } = createRun();
  const first = run({ deadlines: { start: 60_000, run: 0 } });
  await expect(first).rejects.toMatchObject({ code: "RAY_RUN_TIMEOUT" });
  expect([...cluster.jobs.values()].map((job) => job.status)).toEqual(["STOPPED"]);
  // Handed back in the middle of the stop, the next worker finds it STOPPED, by whom it cannot see.
  await expect(run()).rejects.toMatchObject({ code: "RAY_RUN_TIMEOUT", retryable: false });
  expect(cluster.calls.filter((call) => call === "submit")).toHaveLength(1);
  expect(JSON.parse(host.record ?? "")).toMatchObject({ settled: true });
});

test("a head that is replaced between the upload and the submit gets the package too", async () => {
  const { cluster, run, succeed } = createRun();
  let died = false;
  cluster.before = async (call) => {
    if (call !== "submit" || died) return;
    died = true;
    cluster.session = "session-2";
    throw new RayError("RAY_UNAVAILABLE", "connection refused");
  };
  const running = run();
  await eventually("it is submitted", () => cluster.jobs.size === 1);
  expect(cluster.calls.filter((call) => call === "upload")).toHaveLength(2);
  succeed();
  expect(await running).toEqual({ ok: true });
});

test("a zip that could not be made is made anew for the next Ray job", async () => {
  const { client } = createScriptedCluster();
  const { zip } = client.packages;
  let tries = 0;
  client.packages.zip = (...args) =>
    ++tries === 1 ? Promise.reject(new Error("EMFILE: too many open files")) : zip(...args);
  const programs = createProgramPackage(client, folder);
  const { signal } = new AbortController();
  await expect(programs.ensure("x.py", signal)).rejects.toThrow("EMFILE");
  expect(await programs.ensure("x.py", signal)).toBe("gcs://p.zip");
});

test("what Ray calls failed while its program goes on is waited for, and its result counts", async () => {
  const { cluster, run } = createRun();
  const running = run();
  const job = await eventually("it runs", () => [...cluster.jobs.values()][0]);
  const doubtful = { status: "FAILED", errorType: "JOB_SUPERVISOR_ACTOR_UNKNOWN_FAILURE" } as const;
  Object.assign(job, { ...doubtful, supervised: true });
  const looks = () => cluster.calls.filter((call) => call === "supervised").length;
  await eventually("it is looked after", () => looks() > 2);
  job.log = '::lovage:: {"type":"result","value":{"late":true}}\n';
  job.supervised = false;
  expect(await running).toEqual({ late: true });
  expect(cluster.calls.filter((call) => call === "submit")).toHaveLength(1);
});

test("what Ray calls failed and nobody looks after has failed", async () => {
  const { cluster, run } = createRun();
  const running = run();
  const job = await eventually("it runs", () => [...cluster.jobs.values()][0]);
  Object.assign(job, { status: "FAILED", errorType: "JOB_SUPERVISOR_ACTOR_DIED" });
  await expect(running).rejects.toMatchObject({ code: "RAY_SUPERVISOR_FAILED" });
});

test("a program that goes on though Ray calls it failed is stopped when its time is over, or its job cancelled", async () => {
  for (const reason of ["RAY_RUN_TIMEOUT", "JOB_CANCELLED"]) {
    const { cluster, run, host } = createRun();
    const running = run(reason === "RAY_RUN_TIMEOUT" ? { deadlines: { start: 60_000, run: 500 } } : {});
    const ended = expect(running).rejects.toMatchObject({ code: reason });
    const job = await eventually("it runs", () => [...cluster.jobs.values()][0]);
    const doubtful = { status: "FAILED", errorType: "JOB_SUPERVISOR_ACTOR_DIED" } as const;
    Object.assign(job, { ...doubtful, supervised: true });
    await eventually("it is looked after", () => cluster.calls.includes("supervised"));
    if (reason === "JOB_CANCELLED") host.abort.abort(cancelled);
    await ended;
    expect(cluster.calls).toContain("stop");
    expect(job.supervised).toBe(false);
  }
});
