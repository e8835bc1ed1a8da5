import { request as rawRequest } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ApiAnswer, type ApiCaller, apiCaller, read } from "../../support/api.ts";
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

const body = (text: string, headers: Record<string, string> = {}) =>
  api
    .fetch("/jobs", {
      method: "POST",
      body: text,
      headers: { "content-type": "application/json", ...headers },
    })
    .then(read);

function expectProblem({ status, headers, body: problem }: ApiAnswer, expected: object): void {
  expect({ status, ...problem }).toMatchObject({ ...expected, type: `/api/v1/docs/errors#${problem.code}` });
  expect(headers.get("content-type")).toBe("application/problem+json");
  expect(problem.status).toBe(status);
  expect(problem.title).toMatch(/\.$/);
  expect(problem.stack).toBeUndefined();
}

test("an error is a problem of RFC 9457", async () => {
  expectProblem(await api.get("/jobs/nobody"), {
    status: 404,
    code: "JOB_NOT_FOUND",
    title: "No job has this id: never enqueued, or removed by retention.",
    detail: 'no job has the id "nobody"',
    field: "id",
    value: "nobody",
    retryable: false,
  });
});

test.each([
  ["no JSON", "{", 400, "INPUT_INVALID"],
  ["an empty body", "", 400, "INPUT_INVALID"],
  ["another type", "[]", 400, "INPUT_INVALID"],
  ["null", "null", 400, "INPUT_INVALID"],
  ["a lone text", '"x"', 400, "INPUT_INVALID"],
  ["a prototype", '{"__proto__": {"task": "test.echo"}}', 400, "INPUT_INVALID"],
  ["a deep nest", `{"task":"test.echo","input":${"[".repeat(500)}${"]".repeat(500)}}`, 400, "INPUT_INVALID"],
  ["a very deep nest", `${"[".repeat(200_000)}${"]".repeat(200_000)}`, 400, "INPUT_INVALID"],
] as const)("%s is malformed", async (_what, text, status, code) => {
  expectProblem(await body(text), { status, code });
});

test("what is unknown is refused, with what may have been meant", async () => {
  const call = { task: "test.echo", input: {} };
  expectProblem(await api.post("/jobs", { ...call, option: {} }), {
    status: 400,
    field: "option",
    hint: "did you mean options?",
  });
  expectProblem(await api.post("/jobs", { ...call, options: { priorty: 1 } }), {
    status: 400,
    field: "options.priorty",
    hint: "did you mean priority?",
  });
  expectProblem(await api.post("/jobs", { ...call, options: { priority: 99 } }), {
    status: 400,
    field: "options.priority",
    value: "99",
  });
  expectProblem(await api.get("/tasks?verbose=1"), { status: 400, field: "verbose" });
  expectProblem(await api.get("/queues/scheduled?limit=0"), { status: 400, field: "limit" });
  expectProblem(await api.get("/queues/scheduled?limit=1&limit=2"), { status: 400, field: "limit" });
});

test("what fits the document and is refused all the same has another status", async () => {
  const call = { task: "test.echo", input: {} };
  expectProblem(await api.post("/jobs", { ...call, options: { delay: "500y" } }), {
    status: 422,
    field: "options.delay",
  });
  expectProblem(await api.post("/jobs", { ...call, options: { id: "123" } }), { status: 422, field: "id" });
  expectProblem(await api.get("/jobs?cursor=abc"), { status: 422, field: "cursor" });
  expectProblem(await api.get("/jobs?since=1960-01-01T00:00:00Z"), { status: 422, field: "since" });
});

test("a body that is too large is refused, before and after it was read", async () => {
  const call = (size: number) => JSON.stringify({ task: "test.echo", input: { text: "x".repeat(size) } });
  for (const size of [2_000_000, 10_000_000])
    expectProblem(await body(call(size)), { status: 413, code: "DATA_TOO_LARGE", field: "body" });
  // It fits the body's limit, and not the input's.
  expectProblem(await body(call(1024 * 1024)), { status: 413, code: "DATA_TOO_LARGE", field: "input" });
  expect((await body(call(1024 * 1024 - 20))).status).toBe(201);
});

test("a body is JSON in UTF-8, and the answer is what the caller accepts", async () => {
  const call = '{"task":"test.echo","input":{}}';
  for (const type of [
    "text/plain",
    "application/x-www-form-urlencoded",
    "",
    "application/json; charset=latin1",
  ]) {
    expectProblem(await body(call, { "content-type": type }), {
      status: 415,
      code: "MEDIA_TYPE_UNSUPPORTED",
    });
  }
  expectProblem(await body(call, { "content-encoding": "unknown" }), { status: 415 });
  expect((await body(call, { "content-type": "application/vnd.x+json" })).status).toBe(201);
  expectProblem(await api.get("/tasks", { accept: "text/html" }), { status: 406, code: "NOT_ACCEPTABLE" });
  expectProblem(await api.get("/events", { accept: "application/json" }), { status: 406 });
  expect((await api.get("/tasks", { accept: "application/*;q=0.5" })).status).toBe(200);
});

test("paths and methods that are none are told apart", async () => {
  expectProblem(await api.get("/nothing"), { status: 404, code: "NOT_FOUND" });
  expectProblem(await api.get("/jobs/"), { status: 404, code: "NOT_FOUND" });
  expectProblem(await api.get("/Tasks"), { status: 404, code: "NOT_FOUND" });
  const wrong = await api.send("PATCH", "/jobs/x");
  expectProblem(wrong, { status: 405, code: "METHOD_NOT_ALLOWED", value: "PATCH" });
  expect(wrong.headers.get("allow")).toBe("GET, DELETE, HEAD, OPTIONS");
  expectProblem(await api.send("DELETE", "/health"), { status: 405 });
  const options = await api.send("OPTIONS", "/jobs");
  expect(options).toMatchObject({ status: 204, body: "" });
  expect(options.headers.get("allow")).toBe("POST, GET, HEAD, OPTIONS");
});

test("HEAD answers without a body, also for a stream", async () => {
  const head = await api.send("HEAD", "/tasks");
  expect(head).toMatchObject({ status: 200, body: "" });
  expect(Number(head.headers.get("content-length"))).toBeGreaterThan(100);
  const stream = await api.send("HEAD", "/events");
  expect(stream.status).toBe(200);
  expect(stream.headers.get("content-type")).toContain("text/event-stream");
});

test.each([
  ["a/b", 404],
  ["a%b?#&", 404],
  ["ünïcödé 🌱", 404],
  ["..", 404],
  ["a\u0000b", 400],
  ["x".repeat(500), 404],
  ["x".repeat(501), 400],
] as const)("an id %j is read as it was meant", async (id, status) => {
  // As it is: clients make something else of dots.
  const path = `/api/v1/jobs/${encodeURIComponent(id).replaceAll(".", "%2E")}`;
  const answer = await raw(path);
  expect(answer.status).toBe(status);
  if (status === 404) expect(answer.body.value).toBe(id);
});

test.each(["%", "%zz", "%ff", "%ed%a0%80"])("a path with %s is malformed", async (part) => {
  const { status, body: problem } = await raw(`/api/v1/jobs/${part}`);
  expect([status, problem.code]).toEqual([400, "INPUT_INVALID"]);
});

test("an id that others chose is found by its own name", async () => {
  // BullMQ's own jobs have colons, which callers here may not choose.
  const queue = world.broker.queue("default");
  await queue.add("test.echo", { v: 1, input: {} }, { jobId: "a/b ü", delay: 3_600_000 });
  await expect(api.get(`/jobs/${encodeURIComponent("a/b ü")}`)).resolves.toMatchObject({
    status: 200,
    body: { id: "a/b ü" },
  });
});

test("nobody's secret is told again", async () => {
  const token = `lovage_${"0".repeat(12)}_${"f".repeat(64)}`;
  const answer = await api.get("/tasks", { authorization: `Bearer ${token}` });
  expect(answer.status).toBe(401);
  expect(JSON.stringify(answer.body)).not.toContain("f".repeat(64));
});

function raw(path: string): Promise<{ status: number; body: { code?: string; value?: string } }> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${api.token}` };
    rawRequest(world.url, { path, headers }, async (response) => {
      let text = "";
      for await (const chunk of response) text += chunk;
      resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) });
    })
      .once("error", reject)
      .end();
  });
}
