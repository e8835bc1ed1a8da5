import { AssertionError } from "node:assert";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import * as z from "zod";
import { createCatalogue, defineTask, LovageError } from "#task";
import { createClock, createEagerClient, expectEnqueued } from "../../src/testing/index.ts";

const ran: string[] = [];
const child = defineTask({
  name: "e.child",
  queue: "data",
  input: z.strictObject({ text: z.string(), list: z.array(z.number()).default([]) }),
  output: z.string(),
  async run({ text }, context) {
    ran.push(text);
    await context.log(text);
    return `${text} ${context.job.headers["trace"] ?? ""}`;
  },
});
const parent = defineTask({
  name: "e.parent",
  queue: "default",
  input: z.strictObject({ what: z.string().default("child") }),
  output: z.unknown(),
  retry: { attempts: 3 },
  async run({ what }, context) {
    if (what === "fail") throw new LovageError("NOT_SO", "for good");
    if (what === "flaky" && context.job.attempt < 3) throw new Error("again");
    if (what === "claim") return context.memory.claim("k", "v", 60_000);
    if (what === "hang") {
      await sleep(5);
      await context.progress({ fraction: 0, message: "hanging" });
      await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      context.signal.throwIfAborted();
    }
    await context.enqueue("e.child", { text: "of parent" });
    return { attempt: context.job.attempt };
  },
});
const catalogue = createCatalogue([child, parent]);
const fresh = (options?: Parameters<typeof createEagerClient>[1]) => {
  ran.length = 0;
  return createEagerClient(catalogue, options);
};

test("immediately: a call runs its job and what that enqueues, with all attempts", async () => {
  const client = fresh();
  const job = await client.enqueue("e.parent", { what: "flaky" });
  expect(await job.result()).toEqual({ attempt: 3 });
  expect(ran).toEqual(["of parent"]);
  expect(await job.snapshot()).toMatchObject({ state: "completed", attempt: 3, attempts: 3, worker: "test" });
  const failed = await client.enqueue("e.parent", { what: "fail" });
  expect(await failed.state()).toBe("failed");
  await expect(failed.result()).rejects.toMatchObject({ code: "NOT_SO" });
  const known = await client.get(job.id);
  expect(await known.state()).toBe("completed");
  await expect(client.get("nobody")).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
  expect((await client.tasks()).map((task) => task.name)).toEqual(["e.child", "e.parent"]);
});

test("on drain: jobs wait, then run by priority and in order, those they enqueue too", async () => {
  const client = fresh({ run: "on-drain" });
  const low = await client.enqueue("e.child", { text: "low" }, { priority: 9 });
  const [one, two] = await client.enqueueMany([
    { task: "e.child", input: { text: "one" } },
    { task: "e.child", input: { text: "two" } },
  ]);
  await client.enqueue("e.parent", {});
  await client.enqueue("e.parent", { what: "fail" });
  expect(await low.state()).toBe("waiting");
  await expect(low.result()).rejects.toMatchObject({ code: "WAIT_TIMEOUT" });
  expect(await two?.cancel()).toBe("cancelled");
  expect(await client.drain()).toEqual({ completed: 4, failed: 1, cancelled: 0, expired: 0 });
  expect(ran).toEqual(["one", "of parent", "low"]);
  expect(await Array.fromAsync(one?.logs() ?? [])).toEqual(["one"]);
  await expect(two?.result()).rejects.toMatchObject({ code: "JOB_CANCELLED" });
  expect(await two?.cancel()).toBe("ended");
});

test("inputs, options, names and sizes are checked as by a real client", async () => {
  const client = fresh();
  // @ts-expect-error the text is missing
  await expect(client.enqueue("e.child", {})).rejects.toMatchObject({ code: "INPUT_INVALID" });
  // @ts-expect-error no task has this name
  await expect(client.enqueue("e.chidl", {})).rejects.toMatchObject({ code: "TASK_UNKNOWN" });
  const text = "x".repeat(1024 * 1024);
  await expect(client.enqueue("e.child", { text })).rejects.toMatchObject({ code: "DATA_TOO_LARGE" });
  await expect(client.enqueue("e.child", { text: "" }, { priority: 10 })).rejects.toMatchObject({
    code: "INPUT_INVALID",
    field: "priority",
  });
});

test("the clock brings delays and expiries, and memory forgets by it", async () => {
  const clock = createClock("2027-01-01T00:00:00Z");
  const client = fresh({ clock });
  const late = await client.enqueue("e.child", { text: "late" }, { delay: "2h" });
  const early = await client.enqueue("e.child", { text: "early" }, { at: "2027-01-01T01:00:00Z" });
  const never = await client.enqueue("e.child", { text: "never" }, { delay: "3h", expires: "1h" });
  const inTime = await client.enqueue("e.child", { text: "in time" }, { delay: "2h", expires: "3h" });
  expect(await late.state()).toBe("scheduled");
  await expect(late.result()).rejects.toMatchObject({ hint: "move the clock: client.clock.advance" });
  await client.clock.advance("61m");
  expect(ran).toEqual(["early"]);
  await clock.advance("2h");
  expect(ran).toEqual(["early", "late", "in time"]);
  expect(await inTime.state()).toBe("completed");
  expect(await never.state()).toBe("expired");
  expect((await early.snapshot()).endedAt).toEqual(new Date("2027-01-01T01:00:00Z"));
  const claim = async () => (await client.enqueue("e.parent", { what: "claim" })).result();
  expect([await claim(), await claim()]).toEqual([true, false]);
  await clock.advance("1m");
  expect(await claim()).toBe(true);
});

test("a running job can be followed and cancelled", async () => {
  const client = fresh({ run: "on-drain" });
  const job = await client.enqueue("e.parent", { what: "hang" });
  const draining = client.drain();
  for await (const progress of job.progress()) {
    expect(progress.message).toBe("hanging");
    expect(await job.cancel("enough")).toBe("cancelling");
  }
  expect(await draining).toMatchObject({ cancelled: 1 });
  await expect(job.result()).rejects.toMatchObject({ code: "JOB_CANCELLED", message: "enough" });
});

test("its events can be followed, and it can be forgotten", async () => {
  const client = fresh({ run: "on-drain" });
  const job = await client.enqueue("e.parent", { what: "hang" });
  const seen = Array.fromAsync(job.events(), (event) => event.type);
  const draining = client.drain();
  for await (const _progress of job.progress()) await job.cancel();
  await draining;
  expect(await seen).toEqual(["active", "progress", "cancelled"]);
  const late = await Array.fromAsync(job.events());
  expect(late).toMatchObject([{ type: "cancelled", error: { code: "JOB_CANCELLED" } }]);
  await expect(Array.fromAsync(job.events({ since: "1" }))).rejects.toMatchObject({ code: "INPUT_INVALID" });
  await job.forget();
  await expect(client.get(job.id)).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
  const waiting = await client.enqueue("e.child", { text: "waits" });
  await expect(waiting.forget()).rejects.toMatchObject({ code: "JOB_NOT_ENDED" });
});

test("keys: the same id, an idempotency key, and the modes of deduplication", async () => {
  const client = fresh({ run: "on-drain" });
  const call = async (text: string, options: Parameters<typeof client.enqueue>[2]) =>
    (await client.enqueue("e.child", { text }, options)).id;
  expect(await call("a", { id: "x" })).toBe(await call("b", { id: "x" }));
  const key = { idempotencyKey: "k" };
  const first = await call("a", key);
  expect(await call("a", key)).toBe(first);
  await expect(call("b", key)).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
  const skip = { deduplication: { key: "s" } };
  expect(await call("c", skip)).toBe(await call("d", skip));
  const debounce = { deduplication: { key: "d", mode: "debounce", ttl: "1m" } } as const;
  await call("e", debounce);
  await client.clock.advance("30s");
  await call("f", debounce);
  await client.clock.advance("59s");
  await client.drain();
  expect(ran).toEqual(["a", "a", "c"]);
  await client.clock.advance("1s");
  await client.drain();
  expect(ran).toEqual(["a", "a", "c", "f"]);
  expect(await call("g", skip)).not.toBe(await call("c", key).catch(() => ""));
  const throttle = { deduplication: { key: "t", mode: "throttle", ttl: "1m" } } as const;
  const throttled = await call("h", throttle);
  await client.drain();
  expect(await call("i", throttle)).toBe(throttled);
  await client.clock.advance("1d");
  expect(await call("j", throttle)).not.toBe(throttled);
  expect(await call("b", key)).not.toBe(first);
});

test("what comes next is called, and headers go along", async () => {
  const client = fresh({
    hooks: [
      {
        beforeEnqueue(call) {
          call.headers["trace"] ??= "t-1";
        },
      },
    ],
  });
  await client.enqueue("e.parent", {}, { onSuccess: { task: "e.child", input: { text: "after" } } });
  expect(ran).toEqual(["of parent", "after"]);
  expect(client.enqueued.find({ input: { text: "of parent" } })?.headers).toEqual({ trace: "t-1" });
  const wrong = client.enqueue("e.parent", {}, { onSuccess: { task: "e.child", into: "text", input: {} } });
  await expect(wrong).rejects.toMatchObject({ code: "INPUT_INVALID" });
});

test("a result that is ignored goes on to what comes next, as a worker passes it on", async () => {
  const client = fresh();
  const options = { ignoreResult: true, onSuccess: { task: "e.child", into: "text", input: {} } };
  const job = await client.enqueue("e.child", { text: "kept" }, options);
  expect(await job.result()).toBeUndefined();
  expect(ran).toEqual(["kept", "kept "]);
});

test("assertions say what was enqueued instead", async () => {
  const client = fresh();
  expect(() => expectEnqueued(client, child)).toThrow("expected a call of e.child; nothing was enqueued");
  await client.enqueue("e.child", { text: "a", list: [1, 2] }, { tags: ["t"] });
  expect(expectEnqueued(client, child, { text: "a" }).options).toEqual({ tags: ["t"] });
  expect(expectEnqueued(client, "e.child", { list: [1, 2] }).task).toBe("e.child");
  const wrong = () => expectEnqueued(client, child, { text: "b" });
  expect(wrong).toThrow(AssertionError);
  expect(wrong).toThrow(
    'expected a call of e.child with {"text":"b"} in its input; enqueued were:\n  1. e.child {"text":"a","list":[1,2]}',
  );
  // A list is a value, not a set of parts.
  expect(() => expectEnqueued(client, child, { list: [1] })).toThrow(AssertionError);
  // @ts-expect-error the input has no such field
  expect(() => expectEnqueued(client, child, { txet: "a" })).toThrow(AssertionError);
  expect(client.enqueued.filter({ options: { tags: ["t"] } })).toHaveLength(1);
  client.enqueued.clear();
  expect(client.enqueued.all).toEqual([]);
});
