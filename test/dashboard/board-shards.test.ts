import { afterAll, beforeAll, expect, test } from "vitest";
import {
  createDashboardWorld,
  type DashboardSession,
  type DashboardWorld,
} from "../support/dashboard-world.ts";

let world: DashboardWorld;
let operator: DashboardSession;
beforeAll(async () => {
  world = await createDashboardWorld({ cluster: true, shards: 3 });
  await world.worker({ queues: ["default"] });
  operator = await world.login("operator");
});
afterAll(() => world?.close());

async function call(method: string, path: string) {
  const headers = {
    "x-xsrf-token": operator.csrfToken,
    "content-type": "application/json",
    accept: "application/json",
  };
  const answer = await operator.fetch(`/board/api${path}`, {
    method,
    headers,
    ...(method !== "GET" && { body: "{}" }),
  });
  return { status: answer.status, body: JSON.parse(await answer.text()) };
}

test("Bull Board shows the parts of each queue by their names, and a job where it is", async () => {
  const { body } = await call("GET", "/queues");
  const names = body.queues.map(({ name }: { name: string }) => name);
  expect(names.toSorted()).toEqual(
    ["data", "default", "ml"]
      .flatMap((queue) => [0, 1, 2].map((shard) => `shard${shard}-${queue}`))
      .toSorted(),
  );
  const jobs = await world.client.enqueueMany(
    Array.from({ length: 9 }, (_, index) => ({ task: "test.echo", input: { text: String(index) } }) as const),
  );
  for (const job of jobs) {
    await job.result({ timeout: "20s" });
    const part = `shard${world.broker.keys.shardOf(job.id)}-default`;
    const shown = await call("GET", `/queues/${part}/${job.id}`);
    expect(shown.body.job).toMatchObject({
      name: "test.echo",
      externalUrl: { href: `/jobs/default/${job.id}` },
    });
    // A result that somebody has read stays as it is.
    expect((await call("PUT", `/queues/${part}/${job.id}/retry`)).status).toBe(409);
  }
});

test("the dashboard's own pages show whole queues", async () => {
  const job = await world.client.enqueue("test.echo", { text: "shown" });
  await job.result({ timeout: "20s" });
  for (const path of ["/", "/jobs", "/workers", `/jobs/default/${job.id}`]) {
    const page = await operator.fetch(path);
    expect({ path, status: page.status }).toEqual({ path, status: 200 });
  }
  expect(await (await operator.fetch("/jobs")).text()).toContain(job.id);
});
