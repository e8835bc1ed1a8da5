import { afterAll, beforeAll, expect, test } from "vitest";
import {
  createDashboardWorld,
  type DashboardSession,
  type DashboardWorld,
} from "../support/dashboard-world.ts";

let world: DashboardWorld;
let operator: DashboardSession;

beforeAll(async () => {
  world = await createDashboardWorld();
  await world.worker();
  operator = await world.login("operator");
});
afterAll(() => world?.close());

async function call(method: string, path: string, body: unknown = {}) {
  const answer = await operator.fetch(`/board/api${path}`, {
    method,
    headers: {
      "x-xsrf-token": operator.csrfToken,
      "content-type": "application/json",
      accept: "application/json",
    },
    ...(method !== "GET" && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === "" ? undefined : JSON.parse(text) };
}

test("a job of its form is a call: checked, run, and shown by its input", async () => {
  const data = { task: "test.add", input: { numbers: [1, 2] } };
  const added = await call("POST", "/queues/default/add", {
    name: "__default__",
    data,
    options: { priority: 2 },
  });
  expect(added.status).toBe(200);
  const handle = await world.client.get<number>(added.body.job.id);
  expect(await handle.result({ timeout: "20s" })).toBe(3);
  const shown = await call("GET", `/queues/default/${added.body.job.id}`);
  expect(shown.body.job).toMatchObject({
    name: "test.add",
    data: { numbers: [1, 2] },
    returnValue: 3,
    externalUrl: { href: `/jobs/default/${added.body.job.id}` },
  });

  // A copy comes with the job's name, its input and all of its options.
  const { name, data: input, opts } = shown.body.job;
  const copy = await call("POST", "/queues/default/add", { name, data: input, options: opts });
  expect(copy.status).toBe(200);
  expect(copy.body.job.id).not.toBe(added.body.job.id);
  expect(await (await world.client.get(copy.body.job.id)).result({ timeout: "20s" })).toBe(3);
});

test("what lies in the place of jobs is shown as far as it can be read, and hides no others", async () => {
  const { redis, keys } = world.broker;
  const plain = {
    name: "test.add",
    data: '{"v":1,"input":{"numbers":[1]},"meta":{}}',
    opts: "{}",
    timestamp: "1",
  };
  const deep = "[".repeat(50_000) + "]".repeat(50_000);
  const odd: Record<string, Record<string, string>> = {
    "opts-broken": { opts: "{x" },
    "opts-null": { opts: "null" },
    "opts-odd": { opts: '{"attempts":"many","delay":{},"backoff":5,"parent":7}' },
    "data-broken": { data: "{" },
    "data-deep": { data: `{"v":1,"input":${deep},"meta":{}}` },
    "progress-broken": { progress: "{" },
    "parent-broken": { parent: "{", parentKey: "nowhere" },
    "result-broken": { returnvalue: "{" },
    "result-deep": { returnvalue: deep },
    "trace-broken": { stacktrace: "{" },
    "times-broken": { timestamp: "soon", finishedOn: "x", processedOn: "1e300" },
    sane: {},
  };
  const ids = Object.keys(odd);
  for (const [id, fields] of Object.entries(odd)) {
    await redis.hset(keys.job("data", id), { ...plain, ...fields });
    await redis.zadd(keys.at(id).failed("data"), Date.now(), id);
  }
  await redis.zadd(keys.at("nobody").failed("data"), Date.now(), "nobody");
  await redis.set(keys.job("data", "no-hash"), "of another kind");
  await redis.zadd(keys.at("no-hash").failed("data"), Date.now(), "no-hash");
  for (const status of ["failed", "latest"]) {
    const list = await call("GET", `/queues?activeQueue=data&status=${status}&page=1&jobsPerPage=100`);
    expect(list).toMatchObject({ status: 200 });
    const { jobs } = list.body.queues.find(({ name }: { name: string }) => name === "data");
    expect(jobs.map(({ id }: { id: string }) => id)).toEqual(expect.arrayContaining(ids));
  }
  for (const id of ids)
    for (const part of ["", "/logs", "/flow"])
      expect([id, part, (await call("GET", `/queues/data/${id}${part}`)).status]).toEqual([id, part, 200]);
  for (const id of ["nobody", "no-hash"]) expect((await call("GET", `/queues/data/${id}`)).status).toBe(404);
});

test.each([
  [{ data: { task: "test.add", input: { numbers: "none" } } }, "INPUT_INVALID"],
  [{ data: { task: "test.ad", input: {} } }, "TASK_UNKNOWN"],
  [{ data: { v: 1, input: {}, meta: {} } }, "INPUT_INVALID"],
  [{ name: "test.add", data: { numbers: [1] }, options: { repeat: { every: 1 } } }, "repeat"],
  [{ name: "test.add", data: { numbers: [1] }, options: { backoff: 5 } }, "backoff"],
  [{ name: "test.add", data: { numbers: [1] }, options: { priority: 99 } }, "priority"],
])("what is no call is refused: %j", async (form, said) => {
  const { status, body } = await call("POST", "/queues/default/add", form);
  expect(status).toBe(422 - (said === "TASK_UNKNOWN" ? 18 : 0));
  expect(body.error).toContain(said);
});

test("the form knows the tasks of its queue and what they take", async () => {
  const { body } = await call("GET", "/queues/default/job-data-schema");
  expect(body.default).toMatchObject({ task: expect.stringContaining("test."), input: {} });
  const add = body.oneOf.find(({ title }: { title: string }) => title === "test.add");
  expect(add.properties.input.properties.numbers).toMatchObject({ type: "array" });
  expect(body.oneOf.some(({ title }: { title: string }) => title === "test.ray_echo")).toBe(false);
});

test("a job that failed is tried once more; one that completed keeps its result; none is rewritten", async () => {
  const failing = await world.client.enqueue("test.echo", { end: "coded" });
  await failing.result({ timeout: "20s" }).catch(() => {});
  expect((await call("PUT", `/queues/default/${failing.id}/retry`)).status).toBe(204);

  const done = await world.client.enqueue("test.add", { numbers: [4] });
  await done.result({ timeout: "20s" });
  const again = await call("PUT", `/queues/default/${done.id}/retry`);
  expect(again.status).toBe(409);
  expect(again.body.message).toContain("The job completed");
  expect((await call("PUT", "/queues/default/retry/completed")).status).toBe(409);
  const edited = await call("PATCH", `/queues/default/${done.id}/update-data`, { jobData: {} });
  expect(edited.status).toBe(405);
});

test("its page loads nothing from elsewhere and gives its scripts the token", async () => {
  const page = await operator.fetch("/board");
  const markup = await page.text();
  expect(markup).not.toContain("https://");
  expect(markup).toContain("/assets/board.js");
  expect(page.headers.getSetCookie().join()).toContain(`XSRF-TOKEN=${operator.csrfToken}; Path=/board`);
});
