import { afterAll, beforeAll, expect, test } from "vitest";
import { createClient } from "#client";
import type { TaskTypes } from "../../src/task/catalogue.ts";
import { testCatalogue } from "../support/catalogue.ts";
import { createWorld, type World } from "../support/world.ts";
import { documentOf, lovage } from "./scripted-doors.ts";

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

/** The command line in this process, against the test's Redis. */
const run = (args: readonly string[], settings: Parameters<typeof lovage>[1] = {}) =>
  lovage(args, {
    openClient: () => createClient<TaskTypes>({ redis: world.redis, catalogue: testCatalogue }),
    ...settings,
  });

test("every option of a call has a flag", async () => {
  const flags = "--at 2099-01-01T00:00:00Z --expires 2d --priority 3 --queue data --attempts 4 --backoff 2s";
  const more = "--max-backoff 1m --time-limit 1h --soft-time-limit 50m --id by-flags --ignore-result";
  const rest = "--tag a --tag b --on-success test.echo --on-failure test.ray_echo --confirm memory";
  const json = ["--metadata", '{"owner":"ann"}', "--idempotency-key", "k1", "--idempotency-lifetime", "1h"];
  const args = ["enqueue", "test.echo", ...`${flags} ${more} ${rest}`.split(" "), ...json, "--json"];
  const ended = await run(args);
  expect(documentOf(ended)).toEqual({ id: "by-flags", task: "test.echo", queue: "data" });
  const hash = await world.broker.redis.hgetall(world.broker.keys.job("data", "by-flags"));
  expect(JSON.parse(hash["opts"] ?? "")).toMatchObject({ attempts: 4, priority: 3 });
  expect(JSON.parse(hash["data"] ?? "").meta).toEqual({
    expiresAt: expect.any(Number),
    softTimeLimit: 3_000_000,
    timeLimit: 3_600_000,
    backoff: { delay: 2000, max: 60_000 },
    tags: ["a", "b"],
    metadata: { owner: "ann" },
    ignoreResult: true,
    onSuccess: { task: "test.echo" },
    onFailure: { task: "test.ray_echo" },
  });
  const again = await run(["enqueue", "test.echo", "{}", "--idempotency-key", "k1"]);
  expect(again.stdout.trim()).toBe("by-flags");
  const conflict = await run(["enqueue", "test.echo", '{"text":"x"}', "--idempotency-key", "k1", "--json"]);
  expect(conflict.code).toBe(1);
  expect(documentOf(conflict)).toMatchObject({ error: { code: "IDEMPOTENCY_CONFLICT" } });
});

test("deduplication by flags", async () => {
  const call = ["enqueue", "test.echo", "--dedup-key", "d", "--dedup-mode", "throttle", "--dedup-ttl", "1h"];
  const [first, second] = [await run(call), await run(call)];
  expect(second.stdout).toBe(first.stdout);
});

test.each([
  ["--dedup-mode", "skip"],
  ["--dedup-ttl", "1s"],
  ["--idempotency-lifetime", "1d"],
  ["--at", "tomorrow"],
  ["--dedup-mode", "last"],
  ["--confirm", "tape"],
  ["--metadata", "{no"],
])("%s %s alone is wrong usage", async (...flag) => {
  expect((await run(["enqueue", "test.echo", ...flag, "--json"])).code).toBe(2);
});

test("the help of --priority says which end is first", async () => {
  const { stdout } = await run(["enqueue", "--help"]);
  expect(stdout).toContain("0, the default, goes first; 9 goes last");
});

test("events line by line, from a cursor on, until Ctrl-C", async () => {
  const events = world.client.events({ queues: ["default"] });
  const begun = events.next();
  await world.client.enqueue("test.echo", {}, { id: "seen-by-sdk" });
  const { value } = await begun;
  await events.return?.();
  await world.client.enqueue("test.echo", {}, { id: "seen-by-cli" });

  async function follow(...args: string[]) {
    const interrupt = new AbortController();
    const onStdout = (text: string) => {
      if (text.includes("waiting") && text.includes("seen-by-cli")) interrupt.abort(new Error("interrupted"));
    };
    const given = { signal: interrupt.signal, onStdout };
    return run(["events", "--queue", "default", "--since", value.cursor, ...args], given);
  }

  const ended = await follow();
  expect(ended.code).toBe(130);
  expect(ended.stdout).toMatch(/^\d\d:\d\d:\d\d\.\d{3} waiting +default seen-by-sdk test\.echo\n/);
  expect(ended.stdout).toMatch(/ enqueued +default seen-by-cli test\.echo\n/);
  expect(ended.stderr).toContain("lovage events --since ");
  const lines = (await follow("--json")).stdout.trim().split("\n");
  expect(JSON.parse(lines[1] ?? "")).toMatchObject({
    type: "enqueued",
    id: "seen-by-cli",
    task: "test.echo",
  });
});

test("dead letters: list, show, replay with another input, and discard", async () => {
  const worker = await world.worker({ queues: ["default"] });
  const options = { id: "dies", tags: ["cli"], metadata: { owner: "ann" } };
  const job = await world.client.enqueue("test.echo", { text: "x", end: "coded" }, options);
  await job.result({ timeout: "10s" }).catch(() => {});
  const list = await run(["dead", "list", "--tag", "cli"]);
  expect(list.stdout).toMatch(/dies +test\.echo +default .* INPUT_INVALID: the text is bad/);
  expect(documentOf(await run(["dead", "list", "--tag", "cli", "--json"]))).toMatchObject({
    jobs: [{ id: "dies" }],
    cursor: null,
  });
  expect((await run(["dead", "list", "--tag", "cli", "--state", "cancelled"])).stdout).toBe(
    "no dead letters\n",
  );
  const stdin = (async function* () {
    yield '{"text":"mended"}';
  })();
  const replay = await run(["dead", "replay", "dies", "--input", "-"], { stdin });
  expect(replay.stdout).toBe("dies~replay-1\n");
  expect(await (await world.client.get("dies~replay-1")).result({ timeout: "10s" })).toMatchObject({
    text: "mended",
  });
  const shown = (await run(["dead", "show", "dies"])).stdout;
  for (const text of ["cli", '{"owner":"ann"}', "dies~replay-1", "INPUT_INVALID"])
    expect(shown).toContain(text);
  expect((await run(["status", "dies~replay-1"])).stdout).toMatch(/replay of +dies/);
  expect(documentOf(await run(["dead", "discard", "dies", "--json"]))).toEqual({ discarded: ["dies"] });
  expect((await run(["dead", "show", "dies"])).code).toBe(1);
  await worker.stop();
});

test("dead replay --all: counted first, then done, and what cannot be is told", async () => {
  const worker = await world.worker({ queues: ["default"] });
  const made = await world.client.enqueueMany(
    ["a", "b"].map(
      (text) => ({ task: "test.echo", input: { text, end: "coded" }, options: { tags: ["all"] } }) as const,
    ),
  );
  await Promise.all(made.map((job) => job.result({ timeout: "10s" }).catch(() => {})));
  await world.broker.queue("default").add("no.such.task", { v: 1, input: {}, meta: { tags: ["all"] } });
  const all = ["dead", "replay", "--all", "--tag", "all"];
  await expect
    .poll(async () => (await run([...all, "--dry-run"])).stdout)
    .toContain("3 found: 3 would be replayed");
  // Else the replays would fail in turn, and be found.
  await worker.stop();
  const done = await run(all);
  expect(done.stdout).toContain("3 found: 2 replayed, 0 replayed before, 1 cannot be replayed");
  expect(done.stdout).toContain("TASK_UNKNOWN");
  expect(done.code).toBe(1);
  expect(documentOf(await run([...all, "--json"]))).toMatchObject({ matched: 3, replayed: 0, skipped: 2 });
});

test.each([
  [["dead", "replay"]],
  [["dead", "replay", "x", "--all"]],
  [["dead", "replay", "x", "--dry-run"]],
  [["dead", "replay", "x", "--task", "t"]],
  [["dead", "replay", "--all", "--input", "{}"]],
  [["dead", "list", "--state", "completed"]],
])("lovage %j is wrong usage", async (args) => {
  expect((await run([...args, "--json"])).code).toBe(2);
});
