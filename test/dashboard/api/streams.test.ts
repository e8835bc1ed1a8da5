import { once } from "node:events";
import { createServer, get, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { endOf } from "../../../src/dashboard/api/ending.ts";
import type { StreamEvent } from "../../../src/dashboard/api/operation-types.ts";
import { sendStream } from "../../../src/dashboard/api/streams.ts";
import { type ApiCaller, apiCaller, openStream, type SseEvent } from "../../support/api.ts";
import { createDashboardWorld, type DashboardWorld } from "../../support/dashboard-world.ts";
import { startOwnRedis } from "../../support/own-redis.ts";
import { eventually } from "../../support/world.ts";

let redis: Awaited<ReturnType<typeof startOwnRedis>>;
let world: DashboardWorld;
let api: ApiCaller;

beforeAll(async () => {
  redis = await startOwnRedis();
  world = await createDashboardWorld({ redisUrl: redis.url });
  await world.worker();
  api = await apiCaller(world);
  await eventually("the tasks are published", async () => (await api.get("/tasks")).body.tasks.length > 0);
});

afterAll(async () => {
  await world.close();
  await redis.remove();
});

async function enqueue(input: object, options: object = {}): Promise<string> {
  const { body } = await api.post("/jobs", { task: "test.echo", input, options });
  return body.id;
}

/** How many connections wait for the next event: one for each queue that somebody follows. */
async function followedQueues(): Promise<number> {
  const list = String(await world.broker.redis.client("LIST"));
  return list.split("\n").filter((line) => / cmd=xread /.test(line)).length;
}

const types = (events: readonly SseEvent[]) => events.map(({ data }) => data.type);

test("a job's events end with its end, and go on after a cut without a gap", async () => {
  const id = await enqueue({ seconds: 0.5 }, { delay: "500ms" });
  const stream = await openStream(api, `/jobs/${id}/events`);
  expect(stream.response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
  expect(stream.response.headers.get("x-accel-buffering")).toBe("no");
  expect(stream.response.headers.get("cache-control")).toContain("no-cache");
  const first = await stream.next();
  expect(first?.data).toMatchObject({ id, queue: "default", cursor: first?.id });
  await stream.cut();
  await api.get(`/jobs/${id}/result?timeout=30s`);

  const again = await openStream(api, `/jobs/${id}/events`, { "last-event-id": first?.id ?? "" });
  const rest = await again.rest();
  expect(types(rest).at(-1)).toBe("completed");
  expect(types(rest)).toContain("progress");
  const since = await openStream(api, `/jobs/${id}/events?since=${first?.id}`);
  expect(await since.rest()).toEqual(rest);
  // Of an ended job its end alone.
  expect(types(await (await openStream(api, `/jobs/${id}/events`)).rest())).toEqual(["completed"]);
});

test("who is cut off before anything happened goes on from there all the same", async () => {
  const scheduled = await enqueue({}, { delay: "1h" });
  for (const path of ["/events?queues=default", `/jobs/${scheduled}/events`]) {
    const gone = new AbortController();
    const answer = await api.fetch(path, { signal: gone.signal });
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
    let text = "";
    while (!/\nid: \S+\n\n/.test(text)) text += new TextDecoder().decode((await reader.read()).value);
    gone.abort();
    // While nobody follows, a job is made and done; the other way round, the one that waits is dropped by a worker.
    const id = path.startsWith("/jobs") ? scheduled : await enqueue({});
    if (id === scheduled) await api.post(`/jobs/${id}/cancel`, {});
    await api.get(`/jobs/${id}/result?timeout=30s`);
    const position = /\nid: (\S+)\n/.exec(text)?.[1] ?? "";
    const again = await openStream(api, path, { "last-event-id": position });
    const told: string[] = [];
    for (let event = await again.next(); event !== undefined; event = await again.next()) {
      if (event.data.id === id) told.push(event.data.type);
      if (/^(completed|cancelled)$/.test(told.at(-1) ?? "")) break;
    }
    await again.cut();
    expect(told).toContain("active");
  }
});

test("a job's progress begins with the present one and ends with the state", async () => {
  const id = await enqueue({ seconds: 1 });
  await eventually("it has got on", async () => (await api.get(`/jobs/${id}`)).body.progress !== undefined);
  const events = await (await openStream(api, `/jobs/${id}/progress`)).rest();
  const fractions = events.flatMap(({ data }) => (typeof data.fraction === "number" ? [data.fraction] : []));
  expect(fractions).toEqual(fractions.toSorted());
  expect(fractions.at(-1)).toBe(1);
  expect(events.at(-1)).toMatchObject({ event: "end", data: { state: "completed" } });
});

test("a job's log goes on where it was cut", async () => {
  const id = await enqueue({ seconds: 0.2, text: "followed" });
  const events = await (await openStream(api, `/jobs/${id}/logs/stream`)).rest();
  expect(events[0]).toMatchObject({ id: "0", data: { line: expect.stringContaining("began followed") } });
  expect(events.at(-1)).toMatchObject({ event: "end", data: { state: "completed" } });
  const rest = await (await openStream(api, `/jobs/${id}/logs/stream`, { "last-event-id": "0" })).rest();
  expect(rest).toEqual(events.slice(1));
});

test("what is unknown is told before a stream begins", async () => {
  await expect(api.get("/jobs/nobody/events")).resolves.toMatchObject({ status: 404 });
  await expect(api.get("/events?since=abc")).resolves.toMatchObject({
    status: 422,
    body: { field: "since" },
  });
  await expect(api.get("/events?queues=dat")).resolves.toMatchObject({ status: 400 });
});

test("all events go on with the last one's id over a restart of Redis", async () => {
  const stream = await openStream(api, "/events?queues=default");
  await eventually("somebody follows", async () => (await followedQueues()) > 0);
  const before = await enqueue({});
  let last = await stream.next();
  for (let event = last; event?.data.type !== "completed"; event = await stream.next()) last = event;
  expect(last?.data.id).toBe(before);

  await redis.restart();
  const during = await eventually("Redis is back", async () => {
    const answer = await api.post("/jobs", { task: "test.echo", input: {} });
    return answer.status === 201 && (answer.body.id as string);
  });
  // The open stream goes on by itself.
  const seen: string[] = [];
  while (!seen.includes(`completed ${during}`)) {
    const event = await stream.next();
    seen.push(`${event?.data.type} ${event?.data.id}`);
  }
  expect(seen).toContain(`enqueued ${during}`);
  await stream.cut();
  // So does one that was cut before.
  const again = await openStream(api, "/events", { "last-event-id": last?.id ?? "" });
  for (let event = await again.next(); event?.data.id !== during; event = await again.next()) {
    expect(event?.data.type).not.toBe("gap");
  }
  await again.cut();
});

test("nobody listens any more when the callers are gone", async () => {
  await eventually("it is quiet", async () => (await followedQueues()) === 0);
  const id = await enqueue({}, { delay: "1h" });
  const streams = await Promise.all(
    [`/jobs/${id}/events`, `/jobs/${id}/progress`, "/events?queues=default"].map((path) =>
      openStream(api, path),
    ),
  );
  const gone = new AbortController();
  const poll = api.fetch(`/jobs/${id}/result?timeout=60s`, { signal: gone.signal }).catch(() => {});
  await eventually("they are followed", async () => (await followedQueues()) > 0);
  await Promise.all(streams.map((stream) => stream.cut()));
  gone.abort();
  await poll;
  await eventually("nobody follows", async () => (await followedQueues()) === 0, 10_000);
});

test("nobody waits for a result for whom it would come too late", async () => {
  const id = await enqueue({}, { delay: "1h" });
  const job = await world.client.get(id);
  const began = Date.now();
  await endOf(job, 60_000, AbortSignal.abort());
  expect(Date.now() - began).toBeLessThan(10_000);
});

test("a caller has so many streams at most, and may open one again when another has ended", async () => {
  const own = await apiCaller(world, { scopes: ["read"] });
  const streams = await Promise.all(Array.from({ length: 100 }, () => openStream(own, "/events?queues=ml")));
  const refused = await own.get("/events?queues=ml");
  expect(refused).toMatchObject({ status: 429, body: { code: "RATE_LIMITED" } });
  expect(refused.headers.get("retry-after")).toBe("5");
  await streams[0]?.cut();
  const next = await eventually("a place is free", () => openStream(own, "/events").catch(() => undefined));
  await Promise.all([next, ...streams.slice(1)].map((stream) => stream.cut()));
});

test("the server's stop ends streams", async () => {
  const other = await createDashboardWorld({ redisUrl: redis.url });
  const caller = await apiCaller(other);
  const stream = await openStream(caller, "/events");
  const reading = stream.rest().catch(() => "cut");
  await other.close();
  await reading;
});

test("a slow reader keeps the source waiting", async () => {
  let asked = 0;
  let ended = false;
  const source = {
    [Symbol.asyncIterator]: () => ({
      async next() {
        asked += 1;
        return { done: false as const, value: { data: "x".repeat(10_000) } };
      },
      async return() {
        ended = true;
        return { done: true as const, value: undefined };
      },
    }),
  };
  const { url, close } = await serve(source);
  const answer = await new Promise<IncomingMessage>((resolve) => get(url, resolve));
  answer.pause();
  let before = -1;
  await eventually("the source is left alone", async () => {
    const still = before === asked;
    before = asked;
    await new Promise((resolve) => setTimeout(resolve, 100));
    return still;
  });
  // What the kernel's buffers hold, no more.
  expect(asked * 10_000).toBeLessThan(20_000_000);
  answer.resume();
  await eventually("it goes on", () => asked > before + 1000);
  answer.destroy();
  await eventually("it is ended", () => ended);
  await close();
});

test("a stream without events says that it is alive", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const never = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };
  const { url, close } = await serve(never);
  const answer = await fetch(url);
  vi.advanceTimersByTime(15_000);
  vi.useRealTimers();
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
  let text = "";
  while (!text.includes(": still here")) text += new TextDecoder().decode((await reader.read()).value);
  expect(text).toBe("retry: 2000\n\n: still here\n\n");
  await close();
});

/** A server that answers with one stream. */
async function serve(source: AsyncIterable<StreamEvent>) {
  const app = express();
  app.get("/", (_request, response) => {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    void sendStream(response, source, gone.signal);
  });
  const server = createServer(app).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
