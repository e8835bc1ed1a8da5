import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { metaFields } from "../../src/task/codec.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

const root = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

interface ForeignJob {
  queue: string;
  name: string;
  data: unknown;
  opts?: Record<string, unknown>;
}

/** What another program does that only knows docs/wire-format.md. */
async function fromPython(jobs: readonly ForeignJob[]): Promise<string[]> {
  const child = execFile(root(".venv/bin/python"), [root("test/sdk/enqueue.py")]);
  child.stdin?.end(JSON.stringify({ redis: world.redis.url, prefix: world.prefix, jobs }));
  const text = { out: "", err: "" };
  child.stdout?.on("data", (chunk) => (text.out += chunk));
  child.stderr?.on("data", (chunk) => (text.err += chunk));
  const code = await new Promise((resolve) => child.on("close", resolve));
  if (code !== 0) throw new Error(text.err);
  return JSON.parse(text.out);
}

const call = (input: unknown, meta: object = {}) => ({ v: 1, input, meta });
const echo = (data: unknown, opts: Record<string, unknown> = {}) => ({
  queue: "default",
  name: "test.echo",
  data,
  opts,
});

test("jobs from Python run like any others, with their options and their meta", async () => {
  const headers = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
  const policy = { attempts: 3, backoff: { type: "task" } };
  const [plain, retried, expired, later, silent, limited] = await fromPython([
    echo(call({ text: "python" }, { tags: ["from-python"], metadata: { by: "test" }, headers }), {
      jobId: "py-1",
    }),
    echo(call({ end: "fail-first" }), { ...policy, jobId: "py-2" }),
    echo(call({}, { expiresAt: Date.now() - 1000 })),
    echo(call({}), { delay: 3_600_000, jobId: "py-4" }),
    echo(call({ text: "unheard" }, { ignoreResult: true }), { jobId: "py-5" }),
    echo(call({ seconds: 60 }, { timeLimit: 200 }), { jobId: "py-6" }),
  ]);
  const attempts: number[] = [];
  await world.worker({
    hooks: [{ beforeRun: ({ job }) => void (job.id === plain && attempts.push(job.attempts)) }],
  });
  const of = (id = "") => world.client.get(id, { queue: "default" });
  expect(await (await of(plain)).result({ timeout: "10s" })).toEqual({ text: "python", attempt: 1 });
  expect(await (await of(plain)).snapshot()).toMatchObject({
    tags: ["from-python"],
    metadata: { by: "test" },
    attempts: 1,
  });
  expect(attempts).toEqual([1]);
  expect(await (await of(retried)).result({ timeout: "10s" })).toEqual({ text: "", attempt: 2 });
  await expect((await of(expired)).result({ timeout: "10s" })).rejects.toMatchObject({ code: "JOB_EXPIRED" });
  expect(await (await of(later)).state()).toBe("scheduled");
  expect(await (await of(silent)).result({ timeout: "10s" })).toBeFalsy();
  await expect((await of(limited)).result({ timeout: "10s" })).rejects.toMatchObject({
    code: "TIME_LIMIT_EXCEEDED",
  });
});

test("what is no call, or calls for what is not there, is refused with a code and is a dead letter", async () => {
  const bad = {
    "bad-none": { data: { text: "no envelope" }, code: "PAYLOAD_INVALID", says: '"v": 1' },
    "bad-list": { data: [1, 2], code: "PAYLOAD_INVALID", says: "not a call" },
    "bad-meta": {
      data: { v: 1, input: {}, meta: { tags: "no list" } },
      code: "PAYLOAD_INVALID",
      says: "tags",
    },
    "bad-version": { data: { v: 99, input: {}, meta: {} }, code: "PAYLOAD_INVALID", says: "99" },
    "bad-input": { data: call({ seconds: "five" }), code: "INPUT_INVALID", says: "seconds" },
    "bad-field": { data: call({ loud: true }), code: "INPUT_INVALID", says: "loud" },
    "bad-task": { data: call({}), name: "test.ehco", code: "TASK_UNKNOWN", says: "did you mean test.echo?" },
  };
  await fromPython(
    Object.entries(bad).map(([jobId, { data, ...rest }]) => ({
      ...echo(data, { jobId, attempts: 5 }),
      ...("name" in rest && { name: rest.name }),
    })),
  );
  await world.worker();
  for (const [id, { code, says }] of Object.entries(bad)) {
    const job = await world.client.get(id);
    await expect(job.result({ timeout: "10s" }), id).rejects.toMatchObject({ code, retryable: false });
    const { state, attempt, error } = await job.snapshot();
    expect({ id, state, attempt }).toEqual({ id, state: "failed", attempt: 1 });
    expect(`${error?.message} ${error?.hint}`).toContain(says);
  }
  const failed = await eventually("BullMQ has them among the failed", async () => {
    const ids = (await world.broker.queue("default").getFailed()).map((job) => job.id);
    return Object.keys(bad).every((id) => ids.includes(id)) && ids;
  });
  expect(failed).toEqual(expect.arrayContaining(Object.keys(bad)));
  const { jobs } = await world.client.deadLetters.list({ code: "PAYLOAD_INVALID" });
  expect(jobs.map((job) => job.id).toSorted()).toEqual(["bad-list", "bad-meta", "bad-none", "bad-version"]);
  const mended = await world.client.deadLetters.replay("bad-input", { input: { text: "mended" } });
  expect(await mended.result({ timeout: "10s" })).toEqual({ text: "mended", attempt: 1 });
});

test("the page names every field of the meta, and no other", () => {
  const page = readFileSync(root("docs/wire-format.md"), "utf8");
  const table = page.slice(page.indexOf("## `meta`"), page.indexOf("## Job options"));
  const named = [...table.matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1]);
  expect(named.toSorted()).toEqual(metaFields.toSorted());
});
