import { afterAll, beforeAll, expect, test } from "vitest";
import { type ApiCaller, apiCaller } from "../../support/api.ts";
import { createDashboardWorld, type DashboardWorld } from "../../support/dashboard-world.ts";
import { eventually } from "../../support/world.ts";

let world: DashboardWorld;
let api: ApiCaller;

beforeAll(async () => {
  world = await createDashboardWorld();
  await world.worker();
  api = await apiCaller(world);
  await eventually("the tasks are published", async () => (await api.get("/tasks")).body.tasks.length > 0);
});

afterAll(() => world.close());

test("tasks are told with JSON Schemas", async () => {
  const { body } = await api.get("/tasks");
  const echo = body.tasks.find(({ name }: { name: string }) => name === "test.echo");
  expect(echo).toMatchObject({
    queue: "default",
    kind: "task",
    retry: { attempts: 3, backoff: 20, maxBackoff: 50 },
    input: { type: "object", properties: { text: { type: "string" } } },
  });
  expect((await api.get("/tasks/test.echo")).body).toEqual(echo);
  await expect(api.get("/tasks/test.ecco")).resolves.toMatchObject({
    status: 404,
    body: { code: "TASK_UNKNOWN", hint: "did you mean test.echo?" },
  });
});

test("a task's limits are set, and known to the workers", async () => {
  await expect(api.send("PUT", "/tasks/test.echo/rate-limit", { rate: "1000/s" })).resolves.toMatchObject({
    status: 200,
    body: { answers: [{ worker: "test-worker", answer: { loaded: true } }], silent: [] },
  });
  await expect(
    api.send("PUT", "/tasks/test.echo/time-limit", { limit: { hard: "1m" } }),
  ).resolves.toMatchObject({ status: 200 });
  await expect(api.send("PUT", "/tasks/test.echo/time-limit", { limit: {} })).resolves.toMatchObject({
    status: 422,
  });
  await expect(api.send("PUT", "/tasks/test.nothing/rate-limit", { rate: "off" })).resolves.toMatchObject({
    status: 404,
  });
  for (const limit of ["rate-limit", "time-limit"]) {
    const body = limit === "rate-limit" ? { rate: "default" } : { limit: "default" };
    await expect(api.send("PUT", `/tasks/test.echo/${limit}`, body)).resolves.toMatchObject({ status: 200 });
  }
});

test("a queue is paused, looked into, purged and resumed", async () => {
  await expect(api.post("/queues/data/pause")).resolves.toMatchObject({ status: 204 });
  const paused = (await api.get("/queues")).body.queues.find(
    ({ queue }: { queue: string }) => queue === "data",
  );
  expect(paused).toMatchObject({ paused: true, waiting: 0 });
  const options = { queue: "data" };
  await api.post("/jobs", { task: "test.echo", input: {}, options });
  await api.post("/jobs", { task: "test.echo", input: {}, options: { ...options, delay: "1h" } });
  await expect(api.get("/queues/reserved?queue=data&limit=5")).resolves.toMatchObject({
    status: 200,
    body: { jobs: [{ task: "test.echo", state: "waiting" }] },
  });
  const scheduled = await api.get("/queues/scheduled?queue=data");
  expect(new Date(scheduled.body.jobs[0].at).getTime()).toBeGreaterThan(Date.now() + 3_000_000);
  await expect(api.post("/queues/data/purge")).resolves.toMatchObject({
    status: 200,
    body: { waiting: 1, scheduled: 1, left: 0 },
  });
  await expect(api.post("/queues/data/resume")).resolves.toMatchObject({ status: 204 });
  await expect(api.post("/queues/dat/pause")).resolves.toMatchObject({
    status: 400,
    body: { field: "queue" },
  });
});

test("workers are listed, asked and told what to do", async () => {
  const { body } = await api.get("/workers");
  expect(body.workers).toMatchObject([{ name: "test-worker", state: "alive", why: "" }]);
  for (const question of ["ping", "active", "registered", "stats", "conf", "report"]) {
    const answers = await api.get(`/workers/answers/${question}?workers=test-worker&timeout=5s`);
    expect([question, answers.status, answers.body.answers.length]).toEqual([question, 200, 1]);
  }
  expect((await api.get("/workers/answers/ping")).body.answers[0].answer).toEqual({ ok: "pong" });
  const stats = (await api.get("/workers/answers/stats")).body.answers[0].answer;
  expect(stats).toMatchObject({ eventLoopLag: expect.any(Number), memory: { rss: expect.any(Number) } });
  await expect(api.get("/workers/answers/ping?workers=nobody")).resolves.toMatchObject({
    status: 404,
    body: { code: "WORKER_UNKNOWN" },
  });

  const told = (command: string, said: object) => api.post(`/workers/commands/${command}`, said);
  await expect(told("concurrency", { concurrency: 3, queue: "data" })).resolves.toMatchObject({
    status: 200,
    body: { answers: [{ answer: [{ name: "data", concurrency: 3 }] }] },
  });
  await expect(told("concurrency", {})).resolves.toMatchObject({
    status: 422,
    body: { field: "concurrency" },
  });
  await expect(told("shutdown", { queue: "ml" })).resolves.toMatchObject({
    status: 422,
    body: { field: "queue" },
  });
  await expect(told("pause", { queue: "ml" })).resolves.toMatchObject({
    body: { answers: [{ answer: [{ name: "ml", paused: true }] }] },
  });
  await expect(told("resume", {})).resolves.toMatchObject({ status: 200 });
  await expect(told("remove-queue", { queue: "ml" })).resolves.toMatchObject({ status: 200 });
  await expect(told("add-queue", { queue: "ml", concurrency: 1 })).resolves.toMatchObject({ status: 200 });
  await expect(api.send("DELETE", "/workers/test-worker")).resolves.toMatchObject({
    status: 422,
    body: { detail: expect.stringContaining("alive") },
  });
});

test("a schedule is made, changed, paused, resumed, run, backfilled and removed", async () => {
  const made = await api.post("/schedules", {
    name: "hourly",
    task: "test.echo",
    every: "1h",
    input: { text: "tick" },
  });
  expect(made).toMatchObject({
    status: 201,
    body: { name: "hourly", origin: "made", timing: { every: 3_600_000 }, input: { text: "tick" } },
  });
  expect(made.headers.get("location")).toBe("/api/v1/schedules/hourly");
  await expect(
    api.post("/schedules", { name: "hourly", task: "test.echo", every: "1h" }),
  ).resolves.toMatchObject({
    status: 409,
    body: { code: "SCHEDULE_EXISTS" },
  });
  await expect(api.send("PUT", "/schedules/hourly", { cron: "0 3 * * *" })).resolves.toMatchObject({
    status: 200,
    body: { timing: { cron: "0 3 * * *", timeZone: "UTC" } },
  });
  expect((await api.get("/schedules")).body.schedules).toMatchObject([{ name: "hourly" }]);
  const { times } = (await api.get("/schedules/hourly/next?count=2")).body;
  expect(times).toEqual([expect.stringMatching(/T03:00:00.000Z$/), expect.stringMatching(/T03:00:00.000Z$/)]);

  await expect(api.post("/schedules/hourly/pause", { note: "a holiday" })).resolves.toMatchObject({
    status: 200,
    body: { paused: { by: `test (key ${api.keyId})`, note: "a holiday" } },
  });
  await expect(api.post("/schedules/hourly/resume")).resolves.toMatchObject({ body: { paused: null } });
  const run = await api.post("/schedules/hourly/run", { input: { text: "now" } });
  expect(run).toMatchObject({ status: 201, body: { task: "test.echo" } });
  const result = await api.get(`/jobs/${run.body.id}/result?timeout=30s`);
  expect(result.body).toMatchObject({ output: { text: "now" } });
  const day = 86_400_000;
  const range = { from: new Date(Date.now() - 2 * day), to: new Date(Date.now() - day), dryRun: true };
  await expect(api.post("/schedules/hourly/backfill", range)).resolves.toMatchObject({
    status: 200,
    body: { times: [{ existing: false, job: { queue: "default" } }] },
  });
  await expect(api.send("DELETE", "/schedules/hourly")).resolves.toMatchObject({ status: 204 });
  await expect(api.get("/schedules/hourly")).resolves.toMatchObject({
    status: 404,
    body: { code: "SCHEDULE_NOT_FOUND" },
  });
});

test("Redis and the history are told", async () => {
  await expect(api.get("/redis")).resolves.toMatchObject({ status: 200, body: { policy: "noeviction" } });
  const { status, body } = await api.get("/history?span=hour&queue=default");
  expect(status).toBe(200);
  expect(body.points.at(-1)).toMatchObject({
    completed: expect.any(Number),
    wait: { p50: expect.toSatisfy(() => true) },
  });
});

test("health is open to everybody", async () => {
  const answer = await fetch(`${world.url}/api/v1/health`);
  expect(answer.status).toBe(200);
  expect(await answer.json()).toEqual({ status: "ok", version: "1.2.3" });
});

test("a dead worker is forgotten, after it was told to stop", async () => {
  const child = await world.workerProcess({ WORKER_NAME: "doomed" });
  await eventually("it is seen", async () =>
    (await api.get("/workers")).body.workers.find(({ name }: { name: string }) => name === "doomed"),
  );
  await expect(api.post("/workers/commands/shutdown", { workers: ["doomed"] })).resolves.toMatchObject({
    status: 200,
    body: { answers: [{ worker: "doomed", answer: { stopping: true } }] },
  });
  await new Promise((resolve) => child.process.once("exit", resolve));
  await expect(api.send("DELETE", "/workers/doomed")).resolves.toMatchObject({ status: 404 });
});
