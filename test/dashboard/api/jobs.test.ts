import { afterAll, beforeAll, expect, test } from "vitest";
import { chain, signature } from "../../../src/task/canvas.ts";
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

const echo = (input: object, options?: object) => ({ task: "test.echo", input, ...(options && { options }) });

/** Enqueues, waits for the end, and gives the id. */
async function ended(call: object): Promise<string> {
  const { body } = await api.post("/jobs", call);
  expect((await api.get(`/jobs/${body.id}/result?timeout=30s`)).status).toBe(200);
  return body.id;
}

test("a job is enqueued, and its result waited for", async () => {
  const made = await api.post(
    "/jobs",
    echo({ text: "hello" }, { tags: ["greeting"], metadata: { by: "me" } }),
  );
  expect(made).toMatchObject({ status: 201, body: { task: "test.echo", queue: "default" } });
  expect(made.headers.get("location")).toBe(`/api/v1/jobs/${made.body.id}`);
  expect(made.headers.get("idempotent-replayed")).toBeNull();

  const result = await api.get(`/jobs/${made.body.id}/result?timeout=30s`);
  expect(result).toMatchObject({
    status: 200,
    body: { state: "completed", output: { text: "hello", attempt: 1 } },
  });

  const { body } = await api.get(`/jobs/${made.body.id}`);
  expect(body).toMatchObject({
    id: made.body.id,
    state: "completed",
    input: { text: "hello" },
    tags: ["greeting"],
    metadata: { by: "me" },
    worker: "test-worker",
    cancelRequested: false,
  });
  expect(new Date(body.endedAt).toISOString()).toBe(body.endedAt);
});

test("an input that does not fit its task's schema is refused with what is wrong", async () => {
  await expect(api.post("/jobs", echo({ second: 1 }))).resolves.toMatchObject({
    status: 422,
    body: { code: "INPUT_INVALID", status: 422, retryable: false, detail: expect.stringContaining("second") },
  });
  await expect(api.post("/jobs", { task: "test.ecko", input: {} })).resolves.toMatchObject({
    status: 404,
    body: { code: "TASK_UNKNOWN", field: "task", value: "test.ecko", hint: "did you mean test.echo?" },
  });
});

test("the same key gives the same job; with another input it is refused", async () => {
  const key = { "idempotency-key": "order-1" };
  const first = await api.post("/jobs", echo({ text: "one" }), key);
  const again = await api.post("/jobs", echo({ text: "one" }), key);
  expect(again).toMatchObject({ status: 201, body: { id: first.body.id } });
  expect(again.headers.get("idempotent-replayed")).toBe("true");
  expect(first.headers.get("idempotent-replayed")).toBeNull();
  await expect(api.post("/jobs", echo({ text: "two" }), key)).resolves.toMatchObject({
    status: 409,
    body: { code: "IDEMPOTENCY_CONFLICT", field: "idempotencyKey" },
  });
  await expect(api.post("/jobs", echo({}), { "idempotency-key": "a b" })).resolves.toMatchObject({
    status: 400,
    body: { field: "idempotency-key" },
  });
});

test("of many jobs none is made when one is at fault", async () => {
  const good = echo({ text: "many" }, { tags: ["bulk"] });
  await expect(api.post("/jobs/bulk", { calls: [good, echo({ seconds: "x" })] })).resolves.toMatchObject({
    status: 422,
  });
  expect((await api.get("/jobs?tag=bulk")).body.jobs).toEqual([]);
  const made = await api.post("/jobs/bulk", { calls: [good, good] });
  expect(made).toMatchObject({ status: 201, body: { jobs: [{ task: "test.echo" }, { task: "test.echo" }] } });
  await expect(api.post("/jobs/bulk", { calls: [] })).resolves.toMatchObject({ status: 400 });
});

test("a composition runs as a workflow, whose tree can be seen", async () => {
  const composition = chain(
    signature("test.add", { numbers: [1, 2] }),
    signature("test.echo", { text: "then" }),
  );
  const { status, body } = await api.post("/compositions", { composition });
  expect(status).toBe(201);
  const result = await api.get(`/jobs/${body.id}/result?timeout=60s`);
  expect(result.body).toMatchObject({ state: "completed", output: { text: "then" } });
  const tree = await api.get(`/jobs/${body.id}/workflow`);
  expect(tree.body).toMatchObject({ kind: "task", counts: { calls: 2 }, calls: [{ name: "test.add" }, {}] });
  expect((await api.get(`/jobs/${body.id}/workflow?maxCalls=1`)).body.calls).toHaveLength(1);
});

test("jobs are searched for by state, tag and text, part by part", async () => {
  const text = "needle-in-a-haystack";
  await Promise.all([1, 2, 3].map(() => ended(echo({ text }, { tags: ["found"] }))));
  const found: string[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const part = await api.get(
      `/jobs?tag=found&state=completed,failed&text=${text}&limit=2${cursor && `&cursor=${cursor}`}`,
    );
    expect(part.status).toBe(200);
    found.push(...part.body.jobs.map((job: { id: string }) => job.id));
    cursor = part.body.cursor;
  }
  expect(new Set(found).size).toBe(3);
  expect((await api.get(`/jobs?tag=found&state=waiting&state=active`)).body.jobs).toEqual([]);
  await expect(api.get("/jobs?stat=completed")).resolves.toMatchObject({
    status: 400,
    body: { code: "INPUT_INVALID", field: "stat", hint: "did you mean state?" },
  });
});

test("a result that is not there yet is told so, at once or after the time to wait", async () => {
  const { body } = await api.post("/jobs", echo({ seconds: 30 }));
  await eventually("it runs", async () => (await api.get(`/jobs/${body.id}`)).body.state === "active");
  await expect(api.get(`/jobs/${body.id}/result`)).resolves.toMatchObject({ status: 202 });
  const asked = Date.now();
  const waited = await api.get(`/jobs/${body.id}/result?timeout=300ms`);
  expect(waited).toMatchObject({ status: 202, body: { state: "active" } });
  expect(Date.now() - asked).toBeGreaterThanOrEqual(300);

  const cancelled = api.get(`/jobs/${body.id}/result?timeout=30s`);
  await expect(api.post(`/jobs/${body.id}/cancel`, { reason: "enough" })).resolves.toMatchObject({
    status: 200,
    body: { outcome: "cancelling" },
  });
  await expect(cancelled).resolves.toMatchObject({
    status: 200,
    body: { state: "cancelled", error: { code: "JOB_CANCELLED" } },
  });
  await expect(api.post(`/jobs/${body.id}/cancel`)).resolves.toMatchObject({ body: { outcome: "ended" } });
  await expect(api.get(`/jobs/${body.id}/result?timeout=61s`)).resolves.toMatchObject({ status: 400 });
});

test("a job that is cancelled before it starts has an error as others that are cancelled", async () => {
  await api.post("/queues/data/pause");
  const { body } = await api.post("/jobs", echo({}, { queue: "data" }));
  await expect(api.post(`/jobs/${body.id}/cancel`)).resolves.toMatchObject({
    body: { outcome: "cancelled" },
  });
  await expect(api.get(`/jobs/${body.id}/result`)).resolves.toMatchObject({
    status: 200,
    body: { state: "cancelled", error: { code: "JOB_CANCELLED", retryable: false } },
  });
  await api.post("/queues/data/resume");
});

test("a log is read from a line on", async () => {
  const id = await ended(echo({ text: "logged" }));
  await expect(api.get(`/jobs/${id}/logs`)).resolves.toMatchObject({
    status: 200,
    body: { from: 0, next: 1, lines: [expect.stringContaining("began logged")] },
  });
  expect((await api.get(`/jobs/${id}/logs?from=1`)).body).toEqual({ lines: [], from: 1, next: 1 });
});

test("many jobs are cancelled by a filter", async () => {
  const later = echo({}, { delay: "1h", tags: ["later"] });
  await api.post("/jobs/bulk", { calls: [later, later] });
  const filter = { tag: "later" };
  const dry = await api.post("/jobs/cancel", { filter, options: { dryRun: true } });
  expect(dry).toMatchObject({ status: 200, body: { more: false, jobs: [{ outcome: "dry-run" }, {}] } });
  const done = await api.post("/jobs/cancel", { filter, options: { limit: 1 } });
  expect(done.body).toMatchObject({ more: true, jobs: [{ outcome: "cancelled" }] });
  await expect(api.post("/jobs/cancel", { filter: {} })).resolves.toMatchObject({
    status: 422,
    body: { field: "filter" },
  });
});

test("an ended job is forgotten, a running one is not", async () => {
  const id = await ended(echo({}));
  await expect(api.send("DELETE", `/jobs/${id}`)).resolves.toMatchObject({ status: 204, body: "" });
  await expect(api.get(`/jobs/${id}`)).resolves.toMatchObject({
    status: 404,
    body: { code: "JOB_NOT_FOUND" },
  });
  const { body } = await api.post("/jobs", echo({}, { delay: "1h" }));
  await expect(api.send("DELETE", `/jobs/${body.id}`)).resolves.toMatchObject({
    status: 409,
    body: { code: "JOB_NOT_ENDED" },
  });
});

test("a job that failed for good is listed, replayed with another input, and discarded", async () => {
  const id = await ended(echo({ end: "coded" }, { tags: ["dead"] }));
  const listed = await api.get("/dead-letters?tag=dead&since=1h");
  expect(listed).toMatchObject({ status: 200, body: { jobs: [{ id, state: "failed" }], cursor: null } });
  await expect(api.get(`/dead-letters/${id}`)).resolves.toMatchObject({ status: 200, body: { id } });

  const replayed = await api.post(`/jobs/${id}/replay`, { input: { text: "mended" } });
  expect(replayed).toMatchObject({ status: 201, body: { task: "test.echo" } });
  const result = await api.get(`/jobs/${replayed.body.id}/result?timeout=30s`);
  expect(result.body).toMatchObject({ state: "completed", output: { text: "mended" } });
  expect((await api.post(`/jobs/${id}/replay`, { input: { text: "mended" } })).body.id).toBe(
    replayed.body.id,
  );
  await expect(api.post(`/jobs/${id}/replay`, { input: { text: "other" } })).resolves.toMatchObject({
    status: 409,
    body: { code: "IDEMPOTENCY_CONFLICT" },
  });
  await expect(api.post(`/jobs/${replayed.body.id}/replay`)).resolves.toMatchObject({
    status: 409,
    body: { code: "JOB_NOT_DEAD" },
  });
  await expect(api.send("DELETE", `/dead-letters/${id}`)).resolves.toMatchObject({ status: 204 });
  await expect(api.get(`/dead-letters/${id}`)).resolves.toMatchObject({ status: 404 });
});

test("an id that two queues have needs its queue", async () => {
  await api.post("/jobs", echo({}, { id: "twin", delay: "1h" }));
  await api.post("/jobs", echo({}, { id: "twin", delay: "1h", queue: "data" }));
  await expect(api.get("/jobs/twin")).resolves.toMatchObject({
    status: 409,
    body: { code: "JOB_AMBIGUOUS" },
  });
  await expect(api.get("/jobs/twin?queue=data")).resolves.toMatchObject({
    status: 200,
    body: { queue: "data" },
  });
});
