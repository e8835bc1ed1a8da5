import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { createRayClient } from "../../src/ray-client-http/index.ts";
import { type ReceivedSpan, startOtlpReceiver } from "../support/otlp-receiver.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

const lovage = fileURLToPath(new URL("../../src/bin/lovage.ts", import.meta.url));
const secret = "collector-secret-7";
const answer = "an answer that is the caller's own";

let world: World;
let receiver: Awaited<ReturnType<typeof startOtlpReceiver>>;

beforeAll(async () => {
  world = await createWorld();
  receiver = await startOtlpReceiver();
  await world.workerProcess(tracing());
});
afterAll(async () => {
  await world.close();
  await receiver.close();
});

const tracing = () => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
  OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${secret}`,
});

/** Enqueues by the command line, as any caller's process would, and resolves to the job's id. */
async function enqueue(
  task: string,
  input: unknown,
  environment: Record<string, string> = tracing(),
): Promise<string> {
  const args = [lovage, "enqueue", task, JSON.stringify(input), "--json"];
  const { REDIS_URL, REDIS_PREFIX } = { REDIS_URL: world.redis.url, REDIS_PREFIX: world.prefix };
  const env = { PATH: process.env["PATH"], REDIS_URL, REDIS_PREFIX, ...environment };
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  const id = (JSON.parse(stdout) as { id: string }).id;
  const job = await world.client.get(id);
  await job.result({ timeout: "60s" }).catch(() => {});
  return id;
}

/** The spans of a job's trace, once all that are named have come. */
function traceOf(id: string, ...names: string[]): Promise<ReceivedSpan[]> {
  return eventually(`the spans ${names.join(", ")}`, () => {
    const spans = receiver.spans();
    const { traceId } = spans.find(({ attributes }) => attributes["lovage.job.id"] === id) ?? {};
    const trace = spans.filter((span) => span.traceId === traceId);
    const complete = names.every(
      (name) =>
        trace.filter((span) => span.name === name).length >= names.filter((other) => other === name).length,
    );
    return complete && trace;
  });
}

const named = (spans: readonly ReceivedSpan[], name: string) => spans.filter((span) => span.name === name);
const parentOf = (spans: readonly ReceivedSpan[], span: ReceivedSpan | undefined) =>
  spans.find(({ spanId }) => spanId === span?.parentSpanId);

test("one trace goes from the caller through the worker's attempt into the program on Ray", async () => {
  const id = await enqueue("test.ray_echo", { text: answer });
  const spans = await traceOf(id, "add ml.test.ray_echo", "run test.ray_echo", "program test.ray_echo");
  const [program] = named(spans, "program test.ray_echo");
  const attempt = parentOf(spans, program);
  expect(attempt).toMatchObject({
    name: "run test.ray_echo",
    service: "lovage-worker",
    failed: false,
    attributes: {
      "lovage.task": "test.ray_echo",
      "lovage.queue": "ml",
      "lovage.job.id": id,
      "lovage.job.attempt": "1",
      "lovage.outcome": "completed",
    },
  });
  const caller = parentOf(spans, attempt);
  expect(caller).toMatchObject({ service: "lovage-cli", parentSpanId: "" });
  expect(program).toMatchObject({ service: "lovage-ray-job", attributes: { "lovage.job.id": id } });
  // The results of jobs are their callers'.
  expect(JSON.stringify(spans)).not.toContain(answer);
});

test("the collector's secret goes with the spans of our processes, and never to Ray", async () => {
  const id = await enqueue("test.ray_echo", { text: "x" });
  await traceOf(id, "program test.ray_echo");
  const { authorization } = receiver.requests[0]?.headers ?? {};
  expect(authorization).toBe(`Bearer ${secret}`);
  const fromPython = receiver.requests.filter(({ headers }) => headers["content-type"]?.includes("protobuf"));
  expect(fromPython.length).toBeGreaterThan(0);
  for (const { headers } of fromPython) expect(headers.authorization).toBeUndefined();
  const ray = createRayClient({ address: inject("rayAddress") });
  const rayJob = await ray.get(await world.submissionId(id));
  await ray.close();
  expect(JSON.stringify(rayJob)).toContain("TRACEPARENT");
  expect(JSON.stringify(rayJob)).not.toContain(secret);
});

test("each attempt is a span; one that failed says why", async () => {
  const id = await enqueue("test.echo", { end: "error" });
  const spans = await traceOf(id, "run test.echo", "run test.echo", "run test.echo");
  const attempts = named(spans, "run test.echo");
  expect(attempts.map(({ attributes }) => attributes["lovage.job.attempt"])).toEqual(["1", "2", "3"]);
  expect(attempts.map(({ attributes }) => attributes["lovage.outcome"])).toEqual([
    "retry",
    "retry",
    "failed",
  ]);
  for (const attempt of attempts) {
    expect(attempt.failed).toBe(true);
    expect(attempt.text).toContain("boom");
  }
});

test("a program that failed says so", async () => {
  const id = await enqueue("test.ray_echo", { end: "error" });
  const spans = await traceOf(id, "program test.ray_echo", "program test.ray_echo");
  for (const program of named(spans, "program test.ray_echo")) expect(program.failed).toBe(true);
});

test("the calls of a workflow are in its trace", async () => {
  const id = await enqueue("test.climb", { rounds: 1 });
  const spans = await traceOf(id, "run test.climb", "run test.add", "run test.add");
  for (const call of named(spans, "run test.add")) {
    const made = parentOf(spans, call);
    expect(made?.name).toBe("add default.test.add");
    expect(parentOf(spans, made)?.name).toBe("run test.climb");
  }
});

test("a job that was enqueued without a trace has one that begins at its attempt", async () => {
  const id = await enqueue("test.add", { numbers: [1] }, {});
  const spans = await traceOf(id, "run test.add");
  expect(named(spans, "run test.add")[0]?.parentSpanId).toBe("");
});

test("what BullMQ does by itself begins no trace", () => {
  const roots = receiver.spans().filter(({ parentSpanId }) => parentSpanId === "");
  expect(roots.filter(({ name }) => !/^(add|run) /.test(name))).toEqual([]);
});
