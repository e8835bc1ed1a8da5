import { afterAll, beforeAll, expect, test } from "vitest";
import { operations } from "../../../src/contract/index.ts";
import { createApiKeys } from "../../../src/queue/api-keys.ts";
import { createAuditLog } from "../../../src/queue/audit-log.ts";
import { group, signature } from "../../../src/task/canvas.ts";
import { apiCaller, callerOf, read } from "../../support/api.ts";
import { createDashboardWorld, type DashboardWorld } from "../../support/dashboard-world.ts";
import { eventually } from "../../support/world.ts";

let world: DashboardWorld;

beforeAll(async () => {
  world = await createDashboardWorld();
  await world.worker();
  const api = await apiCaller(world);
  await eventually("the tasks are published", async () => (await api.get("/tasks")).body.tasks.length > 0);
});

afterAll(() => world.close());

const call = (task: string, options?: object) => ({ task, input: {}, ...(options && { options }) });

test("nothing but health is open without a key", async () => {
  const nobody = callerOf(world.url, "");
  for (const { method, path, scope } of Object.values(operations)) {
    const answer = await nobody.send(method.toUpperCase(), path.replaceAll(/\{\w+\}/g, "x"));
    expect([path, answer.status]).toEqual([path, scope === null ? 200 : 401]);
    if (scope === null) continue;
    expect(answer.body.code).toBe("UNAUTHENTICATED");
    expect(answer.headers.get("www-authenticate")).toBe('Bearer realm="lovage"');
  }
  for (const path of ["/openapi.json", "/nothing"]) expect((await nobody.get(path)).status).toBe(401);
  // A person is led to the login.
  const page = await nobody.fetch("/docs", { headers: { accept: "text/html" } });
  expect([page.status, page.headers.get("location")]).toEqual([303, "/login?next=%2Fapi%2Fv1%2Fdocs"]);
});

test("each operation asks for its scope", async () => {
  for (const missing of ["enqueue", "read", "control"] as const) {
    const api = await apiCaller(world, {
      scopes: ["enqueue", "read", "control"].filter((s) => s !== missing),
    });
    for (const { method, path, scope } of Object.values(operations)) {
      if (scope !== missing) continue;
      const answer = await api.send(method.toUpperCase(), path.replaceAll(/\{\w+\}/g, "x"));
      expect([path, answer.status, answer.body.code]).toEqual([path, 403, "FORBIDDEN"]);
    }
  }
});

test("a key enqueues the tasks that fit its patterns, wherever they are named", async () => {
  const api = await apiCaller(world, { scopes: ["enqueue:test.e*", "control"] });
  const allowed = call("test.echo", { delay: "1h" });
  const refused = { status: 403, body: { code: "FORBIDDEN", field: "scope" } };
  expect((await api.post("/jobs", allowed)).status).toBe(201);
  await expect(api.post("/jobs", call("test.add"))).resolves.toMatchObject(refused);
  await expect(api.post("/jobs/bulk", { calls: [allowed, call("test.add")] })).resolves.toMatchObject(
    refused,
  );
  for (const field of ["onSuccess", "onFailure"]) {
    const sneaky = call("test.echo", { [field]: { task: "test.add" } });
    await expect(api.post("/jobs", sneaky)).resolves.toMatchObject(refused);
    const options = { [field]: { task: "test.add" } };
    await expect(api.post("/jobs/x/replay", { options, queue: "default" })).resolves.toMatchObject(refused);
  }
  const composed = (task: string, options = {}) => ({
    composition: group([signature("test.echo"), signature(task, {}, options)]),
  });
  expect((await api.post("/compositions", composed("test.echo"))).status).toBe(201);
  await expect(api.post("/compositions", composed("test.add"))).resolves.toMatchObject(refused);
  await expect(
    api.post("/compositions", composed("test.echo", { onSuccess: { task: "test.add" } })),
  ).resolves.toMatchObject(refused);
  // The workflow behind compositions runs whatever its input names.
  const canvas = { task: "lovage.canvas", input: composed("test.add").composition };
  await expect(api.post("/jobs", canvas)).resolves.toMatchObject(refused);
  const schedule = { name: "sneaky", task: "test.add", every: "1h" };
  await expect(api.post("/schedules", schedule)).resolves.toMatchObject(refused);
});

test("another input needs the scope to enqueue, the same does not", async () => {
  const operator = await apiCaller(world, { scopes: ["control"] });
  const all = await apiCaller(world);
  const { body } = await all.post("/jobs", { task: "test.add", input: { numbers: [-1] } });
  await all.get(`/jobs/${body.id}/result?timeout=30s`);
  const changed = { input: { numbers: [1] } };
  await expect(operator.post(`/jobs/${body.id}/replay`, changed)).resolves.toMatchObject({ status: 403 });
  await expect(operator.post(`/jobs/${body.id}/replay`)).resolves.toMatchObject({ status: 201 });
});

test("a revoked key is refused within two seconds, and an expired one", async () => {
  const api = await apiCaller(world);
  expect((await api.get("/tasks")).status).toBe(200);
  await createApiKeys(world.broker).revoke(api.keyId);
  const refused = await eventually("the key is refused", async () => {
    const answer = await api.get("/tasks");
    return answer.status === 401 && answer;
  });
  expect(refused.body).toMatchObject({ code: "UNAUTHENTICATED" });
  const brief = await apiCaller(world, { expiresAt: new Date(Date.now() + 200) });
  await eventually("the key has expired", async () => (await brief.get("/tasks")).status === 401);
});

test("a key makes so many requests, and is told when to come back", async () => {
  const api = await apiCaller(world, { rate: "3/1m" });
  const answers = [];
  for (let request = 0; request < 5; request += 1) answers.push(await api.get("/tasks"));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429, 429]);
  expect(answers[0]?.headers.get("ratelimit-policy")).toBe('"caller";q=3;w=60');
  expect(answers[0]?.headers.get("ratelimit")).toMatch(/^"caller";r=2;t=(59|60)$/);
  expect(answers[3]?.body).toMatchObject({ code: "RATE_LIMITED", retryable: true });
  expect(Number(answers[3]?.headers.get("retry-after"))).toBeGreaterThan(50);
  // Another key has its own count.
  expect((await (await apiCaller(world, { rate: "3/1m" })).get("/tasks")).status).toBe(200);
});

test("who is logged in uses the API with the login, as the role allows, and changes nothing without its token", async () => {
  const operator = await world.login("operator");
  const go = (path: string, init: RequestInit = {}) => operator.fetch(`/api/v1${path}`, init).then(read);
  const json = { accept: "application/json" };
  expect((await go("/tasks", { headers: json })).status).toBe(200);
  const post = (headers: Record<string, string>) =>
    go("/jobs", {
      method: "POST",
      body: JSON.stringify(call("test.echo")),
      headers: { ...json, "content-type": "application/json", ...headers },
    });
  await expect(post({})).resolves.toMatchObject({ status: 403, body: { code: "CSRF_INVALID" } });
  await expect(post({ "x-xsrf-token": operator.csrfToken })).resolves.toMatchObject({ status: 201 });

  const token = { ...json, "x-xsrf-token": operator.csrfToken };
  const purge = await go("/queues/data/purge", { method: "POST", headers: token });
  expect(purge).toMatchObject({ status: 403, body: { code: "FORBIDDEN", value: "operator" } });
  const viewer = await world.login("viewer");
  const pause = { method: "POST", headers: { ...json, "x-xsrf-token": viewer.csrfToken } };
  const refused = await viewer.fetch("/api/v1/queues/data/pause", pause);
  expect(refused.status).toBe(403);
});

test("who changed something by a key stands in the audit log", async () => {
  const api = await apiCaller(world, { name: "robot" });
  await api.post("/queues/ml/pause");
  await api.post("/queues/ml/resume");
  const log = createAuditLog(world.broker);
  const { lines } = await log.list({ limit: 100 });
  const mine = lines.filter(({ by }) => by === `robot (key ${api.keyId})`);
  expect(mine.map(({ action, target }) => [action, target])).toEqual([
    ["queue.resume", "ml"],
    ["queue.pause", "ml"],
  ]);
});
