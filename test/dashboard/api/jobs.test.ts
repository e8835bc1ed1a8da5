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

test("a job is enqueued, and its result waited for", async () => {
  const made = await api.post("/jobs", { task: "test.echo", input: { text: "hello" } });
  expect(made).toMatchObject({ status: 201, body: { task: "test.echo", queue: "default" } });
  expect(made.headers.get("location")).toBe(`/api/v1/jobs/${made.body.id}`);
  expect(made.headers.get("ratelimit-policy")).toBe('"caller";q=1000;w=1');

  const result = await api.get(`/jobs/${made.body.id}/result?timeout=30s`);
  console.log(result.body, (await api.get(`/jobs/${made.body.id}`)).body);
  expect(result.status).toBe(200);
});
