import { expectTypeOf, test } from "vitest";
import { type ActiveJob, type Client, createClient } from "#client";
import type { Tasks } from "#tasks";

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
