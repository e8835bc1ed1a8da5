import { expectTypeOf, test } from "vitest";
import * as z from "zod";
import { type ActiveJob, type Client, chain, createClient, group, map, signature } from "#client";
import { defineWorkflow } from "#task";
import type { Tasks } from "#tasks";
import { createClient as createHttpClient } from "../../src/client/http/index.ts";
import { ping } from "../../tasks/simple_tasks.ts";

declare const client: Client<Tasks>;

test("an input and a result have their task's types", async () => {
  const job = await client.enqueue("tasks.simple_tasks.ping", {});
  expectTypeOf(await job.result()).toEqualTypeOf<{ status: "pong"; worker: string }>();
});

test("a wrong name or field does not compile", () => {
  // @ts-expect-error no task has this name
  client.enqueue("tasks.simple_tasks.pong", {});
  // @ts-expect-error ping takes no field
  client.enqueue("tasks.simple_tasks.ping", { loud: true });
  // @ts-expect-error the target is missing
  client.enqueue("tasks.ml_tasks.distributed_training", { dataset: "a.csv", model: "m" });
  // @ts-expect-error an option that does not exist
  client.enqueue("tasks.simple_tasks.ping", {}, { prioritty: 1 });
});

test("many calls are typed one by one", () => {
  client.enqueueMany([{ task: "tasks.simple_tasks.ping", input: {} }]);
  // @ts-expect-error the input is another task's
  client.enqueueMany([{ task: "tasks.simple_tasks.ping", input: { dataset: "a.csv" } }]);
  expectTypeOf(createClient<Tasks>).returns.toEqualTypeOf<Client<Tasks>>();
});

test("what workers are asked and answer is typed", async () => {
  const { answers } = await client.inspect.active({ workers: ["ml"], timeout: "2s" });
  expectTypeOf(answers).toEqualTypeOf<{ worker: string; answer: ActiveJob[]; milliseconds: number }[]>();
  await client.control.timeLimit("tasks.simple_tasks.ping", { hard: "1m" });
  await client.control.timeLimit("tasks.simple_tasks.ping", "off");
  // @ts-expect-error no queue has this name
  client.control.addQueue("fast");
  // @ts-expect-error a limit is off, default, or of durations
  client.control.timeLimit("tasks.simple_tasks.ping", "none");
});

test("a composition has the type of what it ends with", async () => {
  const started = await client.start(
    chain(signature(ping, {}), group([signature(ping), signature("any.task")])),
  );
  expectTypeOf(await started.result()).toEqualTypeOf<[{ status: "pong"; worker: string }, unknown]>();
  const mapped = await client.start(map(ping, [{}, {}]));
  expectTypeOf(await mapped.result()).toEqualTypeOf<{ status: "pong"; worker: string }[]>();
});

test("a workflow's calls have the types of their tasks", () => {
  defineWorkflow({
    name: "typed",
    queue: "default",
    input: z.object({}),
    output: z.string(),
    async run(_input, context) {
      const pong = await context.call(ping, {});
      expectTypeOf(pong).toEqualTypeOf<{ status: "pong"; worker: string }>();
      expectTypeOf(await context.step("number", () => 5)).toEqualTypeOf<number>();
      // @ts-expect-error an input that the task does not take
      await context.call(ping, { wrong: true });
      return pong.worker;
    },
  });
});

test("live events are told apart by their type", async () => {
  for await (const event of client.events()) {
    if (event.type === "gap") {
      // @ts-expect-error a gap is about no job
      event.id;
    } else if (event.type === "progress") expectTypeOf(event.progress.message).toEqualTypeOf<string>();
    else if (event.type === "failed") expectTypeOf(event.error.code).toEqualTypeOf<string>();
  }
});

test("deduplication has a ttl where its mode needs one", () => {
  client.enqueue("tasks.simple_tasks.ping", {}, { deduplication: { key: "k" } });
  client.enqueue("tasks.simple_tasks.ping", {}, { deduplication: { key: "k", mode: "throttle", ttl: "1m" } });
  // @ts-expect-error debounce needs a ttl
  client.enqueue("tasks.simple_tasks.ping", {}, { deduplication: { key: "k", mode: "debounce" } });
});

test("a client is over Redis or over HTTP, and the same either way", () => {
  expectTypeOf(createClient<Tasks>({ url: "https://lovage.test", apiKey: "k" })).toEqualTypeOf<
    Client<Tasks>
  >();
  expectTypeOf(createHttpClient<Tasks>).returns.toEqualTypeOf<Client<Tasks>>();
  // @ts-expect-error a URL needs a key
  createClient<Tasks>({ url: "https://lovage.test" });
  // @ts-expect-error neither side
  createClient<Tasks>({ timeout: "5s" });
  // @ts-expect-error both sides
  createClient<Tasks>({ redis: "redis://127.0.0.1", url: "https://lovage.test", apiKey: "k" });
  // @ts-expect-error over HTTP there is no Redis
  createHttpClient<Tasks>({ redis: "redis://127.0.0.1" });
  // @ts-expect-error a key is a matter of HTTP
  createClient<Tasks>({ redis: "redis://127.0.0.1", insecure: true });
});
