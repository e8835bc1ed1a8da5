import { afterEach, beforeEach, expect, test } from "vitest";
import * as z from "zod";
import { type Client, createClient } from "#client";
import { createCatalogue, defineTask, type TasksOf } from "#task";
import { add, echo } from "../support/catalogue.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

const report = defineTask({
  name: "test.report",
  queue: "default",
  input: z.looseObject({}),
  output: z.looseObject({}),
  run: async (input) => input,
});
const catalogue = createCatalogue([add, echo, report]);

let world: World;
let client: Client<TasksOf<typeof catalogue>>;

beforeEach(async () => {
  world = await createWorld();
  client = createClient({ redis: world.redis, catalogue });
  await world.worker({ catalogue });
});

afterEach(async () => {
  await client.close();
  await world.close();
});

async function outputOf(id: string): Promise<unknown> {
  const job = await eventually("the job that comes next", () => client.get(id).catch(() => undefined));
  return job.result({ timeout: "10s" });
}

test("a result goes to the task that comes next, whole or into a field", async () => {
  const job = await client.enqueue(
    "test.echo",
    { text: "hello" },
    { onSuccess: { task: "test.report" }, ignoreResult: true },
  );
  expect(await outputOf(`${job.id}~success`)).toEqual({ text: "hello", attempt: 1 });
  expect(await job.result()).toBeUndefined();
  const other = await client.enqueue(
    "test.add",
    { numbers: [1, 2] },
    { onSuccess: { task: "test.report", input: { title: "sum" }, into: "sum" } },
  );
  expect(await outputOf(`${other.id}~success`)).toEqual({ title: "sum", sum: 3 });
});

test("a failure goes to the task that was asked for, once the last attempt has failed", async () => {
  const job = await client.enqueue(
    "test.echo",
    { end: "error" },
    { attempts: 2, onSuccess: { task: "test.add" }, onFailure: { task: "test.report" } },
  );
  const { id } = job;
  expect(await outputOf(`${id}~failure`)).toEqual({
    id,
    task: "test.echo",
    queue: "default",
    error: { code: "JOB_FAILED", message: "boom" },
  });
  expect((await job.snapshot()).attempt).toBe(2);
  await expect(client.get(`${id}~success`)).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
});

test("a job that expired has failed; one that was cancelled has not", async () => {
  const late = await client.enqueue(
    "test.report",
    {},
    { delay: 50, expires: 1, onFailure: { task: "test.report", into: "failure" } },
  );
  expect(await outputOf(`${late.id}~failure`)).toMatchObject({ failure: { error: { code: "JOB_EXPIRED" } } });
  const job = await client.enqueue("test.echo", { seconds: 30 }, { onFailure: { task: "test.report" } });
  await job.cancel();
  await expect(job.result()).rejects.toMatchObject({ code: "JOB_CANCELLED" });
  const queue = world.broker.queue("default");
  await eventually("it ended", async () => (await queue.getActiveCount()) === 0);
  await expect(client.get(`${job.id}~failure`)).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
});
