import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createClient } from "#client";
import { startTracing, type Tracing } from "../../src/observe/tracing.ts";
import { createApiKeys } from "../../src/queue/api-keys.ts";
import { createDashboardWorld } from "../support/dashboard-world.ts";
import { type ReceivedSpan, startOtlpReceiver } from "../support/otlp-receiver.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

/** Of a process that makes calls for others, such as the dashboard. */
let receiver: Awaited<ReturnType<typeof startOtlpReceiver>>;
let tracing: Tracing;
let world: World;
let client: ReturnType<typeof createClient>;
const errors: Error[] = [];

beforeAll(async () => {
  receiver = await startOtlpReceiver();
  tracing = startTracing({
    endpoint: `${receiver.endpoint}/base/`,
    headers: "x-key=a%2Cb, x-other = plain,broken",
    service: "lovage-test",
    version: "1",
    onError: (error) => errors.push(error),
  });
  world = await createWorld();
  const worker = await world.worker({ queues: ["default"] });
  client = createClient({ redis: world.redis, telemetry: tracing.telemetry });
  // Only the calls are looked at.
  await worker.stop();
});
afterAll(async () => {
  await client.close();
  await world.close();
  await tracing.close();
  await receiver.close();
});
beforeEach(() => {
  receiver.requests.length = 0;
});

const trace = "0af7651916cd43dd8448eb211c80319c";
const span = "b7ad6b7169203331";

/** Enqueues as a request with these headers would; resolves to its span, or to undefined after another one came. */
async function enqueueFor(headers: Record<string, string>): Promise<ReceivedSpan | undefined> {
  const enqueue = () => client.enqueue("test.echo", {});
  const job = await new Promise<Awaited<ReturnType<typeof enqueue>>>((resolve, reject) => {
    tracing.enter(headers, () => enqueue().then(resolve, reject));
  });
  const later = await enqueue();
  const of = (id: string) => receiver.spans().find(({ attributes }) => attributes["bullmq.job.id"] === id);
  await eventually("the span of a later call", () => of(later.id));
  return of(job.id);
}

test("a request's trace goes on in the jobs that it makes", async () => {
  const found = await enqueueFor({ traceparent: `00-${trace}-${span}-01` });
  expect(found).toMatchObject({ name: "add default.test.echo", traceId: trace, parentSpanId: span });
});

test("so it does for a request to the dashboard's API", async () => {
  const dashboard = await createDashboardWorld({ dashboard: { client, enterTrace: tracing.enter } });
  const key = { name: "test", scopes: ["enqueue"], createdBy: "test" };
  const { token } = await createApiKeys(dashboard.broker).create(key);
  const response = await fetch(`${dashboard.url}/api/v1/jobs`, {
    method: "POST",
    body: JSON.stringify({ task: "test.echo", input: {} }),
    headers: {
      "content-type": "application/json",
      authorization: `Bearer ${token}`,
      traceparent: `00-${trace}-${span}-01`,
    },
  });
  const { id } = (await response.json()) as { id: string };
  await dashboard.close();
  const found = await eventually("the span of the call", () =>
    receiver.spans().find(({ attributes }) => attributes["bullmq.job.id"] === id),
  );
  expect(found).toMatchObject({ traceId: trace, parentSpanId: span });
});

test("who does not want its trace recorded is heard", async () => {
  expect(await enqueueFor({ traceparent: `00-${trace}-${span}-00` })).toBeUndefined();
});

test("a header that is none begins a trace of its own", async () => {
  const found = await enqueueFor({ traceparent: "nonsense" });
  expect(found?.parentSpanId).toBe("");
  expect(found?.traceId).toMatch(/^[0-9a-f]{32}$/);
});

test("spans go to the endpoint's path, with the headers as they were meant", async () => {
  await enqueueFor({});
  const [request] = receiver.requests;
  expect(request?.url).toBe("/base/v1/traces");
  expect(request?.headers).toMatchObject({ "x-key": "a,b", "x-other": "plain" });
});

test("there is no trace to pass on outside of one", () => {
  expect(tracing.active()).toBeUndefined();
});

test("a collector that is away is told of, and nothing else happens", async () => {
  await receiver.close();
  const job = await client.enqueue("test.echo", {});
  expect((await job.snapshot()).state).toBe("waiting");
  await tracing.close();
  await eventually("an error", () => errors.length > 0);
  expect(errors[0]?.message).toMatch(/^traces could not be sent: /);
  receiver = await startOtlpReceiver();
});
