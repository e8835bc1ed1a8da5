import { afterEach, expect, test } from "vitest";
import { type Client, createClient, type LovageError } from "#client";
import type { TestTasks } from "../../support/catalogue.ts";
import { freePort } from "../../support/free-port.ts";
import {
  cut,
  events,
  json,
  problem,
  type ScriptedAnswer,
  type ScriptedApi,
  startScriptedApi,
} from "../../support/scripted-api.ts";

const apiKey = "lovage_0123456789ab_s3cr3t";
let api: ScriptedApi;
let client: Client<TestTasks>;

async function serve(...answers: readonly ScriptedAnswer[]): Promise<void> {
  api = await startScriptedApi(...answers);
  client = createClient<TestTasks>({ url: api.url, apiKey, timeout: "3s" });
}

afterEach(async () => {
  await client.close();
  await api.close();
});

const refusal = (call: Promise<unknown>): Promise<LovageError> =>
  call.then(
    () => expect.unreachable("it was answered"),
    (error) => error,
  );

const place = { id: "j", task: "test.echo", queue: "default" };
const redis = {
  version: "9",
  usedBytes: 1,
  maxBytes: 0,
  policy: "noeviction",
  appendOnly: true,
  persistenceOk: true,
};

test("a problem becomes the error that it tells of", async () => {
  const members = { field: "text", value: "5", hint: "use a text", retryable: false };
  await serve(problem(422, "INPUT_INVALID", members));
  const error = await refusal(client.enqueue("test.echo", {}));
  expect(error).toMatchObject({ code: "INPUT_INVALID", message: "it is INPUT_INVALID", ...members });
  expect(api.asked).toHaveLength(1);
});

test.each<[string, ScriptedAnswer, RegExp]>([
  [
    "a page",
    (_request, response) => void response.writeHead(200).end("<h1>Welcome to nginx</h1>"),
    /status 200.*Welcome to nginx/,
  ],
  [
    "another's error",
    (_request, response) => void response.writeHead(404).end("no such host"),
    /status 404.*no such host/,
  ],
  ["JSON of another shape", json(200, { hello: "world" }), /status 200.*version/],
  [
    "a redirect",
    (_request, response) => void response.writeHead(302, { location: "/login" }).end(),
    /status 302/,
  ],
  ["nothing", (_request, response) => void response.writeHead(500).end(), /status 500.*\(nothing\)/],
])("an answer that is %s is told as such, with an excerpt", async (_what, answer, said) => {
  await serve(answer);
  const error = await refusal(client.inspect.redis());
  expect(error).toMatchObject({ code: "API_UNAVAILABLE", message: expect.stringMatching(said) });
  expect(api.asked).toHaveLength(1);
});

test("a line that is cut, and somebody in between who has no answer, are tried again", async () => {
  const gateway: ScriptedAnswer = (_request, response) => void response.writeHead(502).end("bad gateway");
  await serve(cut, gateway, json(200, redis));
  expect(await client.inspect.redis()).toEqual(redis);
  expect(api.asked).toHaveLength(3);
});

test("a call is sent again with the same id, so that it makes one job", async () => {
  await serve(cut, json(201, place));
  const job = await client.enqueue("test.echo", { text: "once" });
  expect(job.id).toBe("j");
  const bodies = api.asked.map(({ body }) => JSON.parse(body));
  expect(bodies[1]).toEqual(bodies[0]);
  expect(bodies[0].options.id).toMatch(/^[0-9a-f-]{36}$/);
});

test("what changes something and has no key is not sent twice, and the error says so", async () => {
  await serve(cut, json(200, { waiting: 0, scheduled: 0, left: 0 }));
  const error = await refusal(client.control.purge("default"));
  expect(error).toMatchObject({ code: "API_UNAVAILABLE", hint: expect.stringContaining("not known") });
  expect(api.asked).toHaveLength(1);
});

test("Retry-After is heeded: a throttled call is repeated whatever it is, an unavailable one where that is safe", async () => {
  await serve(problem(429, "RATE_LIMITED", {}, { "retry-after": "1" }), json(200, { outcome: "cancelled" }));
  const begun = performance.now();
  expect(await client.control.cancel("j")).toBe("cancelled");
  expect(performance.now() - begun).toBeGreaterThan(950);
  expect(api.asked).toHaveLength(2);
});

test("a Retry-After beyond the call's time is the caller's to wait for", async () => {
  await serve(problem(503, "REDIS_UNAVAILABLE", {}, { "retry-after": "60" }));
  expect(await refusal(client.inspect.redis())).toMatchObject({ code: "REDIS_UNAVAILABLE" });
  expect(api.asked).toHaveLength(1);
});

test("nobody there, or nobody who answers: an error in time, without the key", async () => {
  await serve(() => {});
  const nobody = createClient({ url: `http://127.0.0.1:${await freePort()}`, apiKey, timeout: 400 });
  const silent = createClient({ url: api.url, apiKey, timeout: 400 });
  for (const [each, said] of [
    [nobody, "ECONNREFUSED"],
    [silent, "no answer in"],
  ] as const) {
    const begun = performance.now();
    const error = await refusal(each.tasks());
    expect(performance.now() - begun).toBeLessThan(8000);
    expect(error).toMatchObject({ code: "API_UNAVAILABLE", retryable: true });
    expect(error.message).toContain(said);
    expect(JSON.stringify(error.toRecord())).not.toContain("s3cr3t");
    await each.close();
  }
});

test("a stream goes on where it was cut, tells of the cut, and ends with `end`", async () => {
  const faults: Error[] = [];
  const line = (id: number) => `id: ${id}\ndata: {"line":"${id}"}`;
  await serve(
    json(200, snapshot),
    events(": hello", line(0), line(1)),
    cut,
    events(line(2), "event: later-version\ndata: {}", 'event: end\ndata: {"state":"completed"}'),
  );
  client = createClient<TestTasks>({ url: api.url, apiKey, onError: (error) => faults.push(error) });
  const lines: string[] = [];
  for await (const text of (await client.get("j")).logs({ follow: true })) lines.push(text);
  expect(lines).toEqual(["0", "1", "2"]);
  expect(api.asked.slice(1).map(({ headers }) => headers["last-event-id"])).toEqual([undefined, "1", "1"]);
  expect(faults).toMatchObject([{ code: "API_UNAVAILABLE" }]);
});

test("a stream's error ends it, and one that is never there fails in time", async () => {
  const fault = {
    type: "/",
    title: "t",
    status: 404,
    detail: "gone",
    code: "JOB_NOT_FOUND",
    retryable: false,
  };
  await serve(json(200, snapshot), events(`event: error\ndata: ${JSON.stringify(fault)}`));
  const job = await client.get("j");
  await expect(job.progress().next()).rejects.toMatchObject({ code: "JOB_NOT_FOUND", message: "gone" });
  const nobody = createClient({ url: `http://127.0.0.1:${await freePort()}`, apiKey, timeout: 300 });
  await expect(nobody.events().next()).rejects.toMatchObject({ code: "API_UNAVAILABLE" });
  await nobody.close();
});

test("return() ends a stream's wait at once, and lets its connection go", async () => {
  const gone = Promise.withResolvers<void>();
  await serve((request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    request.socket.once("close", () => gone.resolve());
  });
  const iterator = client.events();
  const waiting = iterator.next();
  await expect.poll(() => api.asked.length).toBe(1);
  expect(await iterator.return?.()).toEqual({ done: true, value: undefined });
  expect(await waiting).toEqual({ done: true, value: undefined });
  await gone.promise;
});

test("a wait for a result, and a pause before it is asked for again, end with the client", async () => {
  for (const answer of [() => {}, problem(503, "REDIS_UNAVAILABLE")] as ScriptedAnswer[]) {
    await serve(json(200, snapshot), answer);
    const waiting = refusal((await client.get("j")).result());
    await expect.poll(() => api.asked.length).toBe(2);
    await client.close();
    expect(await waiting).toMatchObject({
      code: "API_UNAVAILABLE",
      message: expect.stringContaining("closed"),
    });
    await api.close();
  }
  await serve(json(200, snapshot));
});

test("a result is waited for while the API is away; the caller's own time ends the wait", async () => {
  const pending = json(202, { state: "active" });
  await serve(
    json(200, snapshot),
    pending,
    problem(503, "REDIS_UNAVAILABLE"),
    json(200, { state: "completed", output: 5 }),
  );
  const job = await client.get("j");
  expect(await job.result({ timeout: "20s" })).toBe(5);
  expect(api.asked).toHaveLength(4);
  await client.close();
  await api.close();
  await serve(json(200, snapshot), () => {});
  const slow = await client.get("j");
  await expect(slow.result({ timeout: 100 })).rejects.toMatchObject({ code: "WAIT_TIMEOUT" });
});

const snapshot = {
  ...place,
  state: "active",
  attempt: 1,
  attempts: 1,
  enqueuedAt: "2027-01-31T08:00:00.000Z",
  cancelRequested: false,
  tags: [],
  metadata: {},
};
