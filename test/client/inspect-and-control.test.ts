import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createRayStops } from "../../src/queue/ray-stops.ts";
import { createRegistration } from "../../src/queue/registry.ts";
import { sides } from "../support/sides.ts";
import { eventually, type World } from "../support/world.ts";

describe.each(sides)("over %s", (_side, { createWorld }) => {
  let world: World;
  let inspect: World["client"]["inspect"];
  let control: World["client"]["control"];
  beforeEach(async () => {
    world = await createWorld();
    ({ inspect, control } = world.client);
  });
  afterEach(() => world.close());

  const namesOf = ({ answers }: { answers: { worker: string }[] }) => answers.map(({ worker }) => worker);

  async function runs(id: string): Promise<void> {
    await eventually(`${id} runs`, async () => (await (await world.client.get(id)).state()) === "active");
  }

  test("every live worker answers within a second, also while busy; a stopped process is named", async () => {
    await world.worker({ name: "busy", queues: ["default"], concurrency: 4 });
    const other = await world.workerProcess({ WORKER_NAME: "frozen", WORKER_QUEUES: "ml" });
    await world.client.enqueueMany(
      Array.from({ length: 200 }, () => ({ task: "test.echo" as const, input: { seconds: 0.1 } })),
    );
    const before = Date.now();
    const ping = await inspect.ping();
    expect(Date.now() - before).toBeLessThan(3000);
    expect(ping).toMatchObject({ refusals: [], silent: [], dead: [] });
    expect(namesOf(ping)).toEqual(["busy", "frozen"]);

    other.process.kill("SIGSTOP");
    const frozen = await inspect.ping({ timeout: "500ms" });
    expect(namesOf(frozen)).toEqual(["busy"]);
    expect(frozen.silent).toEqual(["frozen"]);
    // What it is told meanwhile, and was reported as unanswered, it does not do when it wakes up.
    await control.shutdown({ workers: ["frozen"], timeout: "10ms" });
    await eventually("it counts as dead", async () =>
      (await inspect.workers()).some(({ name, state }) => name === "frozen" && state === "dead"),
    );
    expect(await inspect.ping()).toMatchObject({ dead: ["frozen"], silent: [] });
    other.process.kill("SIGCONT");
    await eventually("it lives again", async () => namesOf(await inspect.ping()).includes("frozen"));
    expect(other.output()).not.toContain("asked the worker to stop");

    await other.kill();
    await eventually("it is dead", async () => (await inspect.ping({ timeout: "50ms" })).dead.length === 1);
    await control.forget("frozen");
    expect((await inspect.workers()).map(({ name }) => name)).toEqual(["busy"]);
    await expect(control.forget("busy")).rejects.toMatchObject({ code: "INPUT_INVALID" });
    await expect(inspect.ping({ workers: ["buzy"] })).rejects.toMatchObject({
      code: "WORKER_UNKNOWN",
      hint: "did you mean busy?",
    });
  });

  test("a worker that is alive but takes no jobs is told apart", async () => {
    const { broker, client } = world;
    const lazy = createRegistration(broker, "lazy");
    const queue = { name: "default", concurrency: 2, active: 0, takenAt: null, paused: false };
    const figures = { completed: 0, failed: 0, retried: 0, lag: 0, rss: 1, stopping: false };
    const startedAt = Date.now() - 60_000;
    await lazy.beat({
      at: Date.now(),
      host: "h",
      pid: 1,
      version: "1",
      startedAt,
      queues: [queue],
      ...figures,
    });
    await world.worker({ name: "busy", queues: ["ml"] });
    await client.enqueue("test.echo", {}, { id: "neglected" });
    expect((await inspect.workers()).map(({ state }) => state)).toEqual(["alive", "alive"]);
    await broker.redis.hset(broker.keys.job("default", "neglected"), "timestamp", startedAt);
    expect(await inspect.workers()).toMatchObject([
      { name: "busy", state: "alive" },
      { name: "lazy", state: "stuck", why: expect.stringContaining("takes no jobs from default") },
    ]);
  });

  test("the running jobs are told, with what they run on", async () => {
    await world.worker({ name: "one", queues: ["default", "ml"] });
    await world.client.enqueue("test.echo", { seconds: 30, text: "look" }, { id: "here" });
    await world.client.enqueue("test.ray_echo", { seconds: 30 }, { id: "there" });
    const find = async () => {
      const { answers } = await inspect.active();
      const jobs = answers[0]?.answer ?? [];
      return jobs.find(({ rayJob }) => rayJob !== null) && jobs;
    };
    const jobs = await eventually("the Ray job is submitted", find);
    expect(jobs.find(({ id }) => id === "here")).toMatchObject({
      task: "test.echo",
      queue: "default",
      attempt: 1,
      rayJob: null,
      input: expect.stringContaining("look"),
      running: expect.any(Number),
    });
    expect(jobs.find(({ id }) => id === "there")?.rayJob).toBe(await world.submissionId("there"));
    await control.cancel("there");
    await eventually("it ended", async () => (await (await world.client.get("there")).snapshot()).endedAt);
  });

  test("workers tell their tasks, figures, configuration and machine, and no secret", async () => {
    const environment = { WORKER_NAME: "told", NOTIFY_WEBHOOK_URL: "https://hooks.test/s3cr3t" };
    await world.workerProcess({ ...environment, WORKER_QUEUES: "data,default" });
    const job = await world.client.enqueue("test.echo", { end: "coded" });
    await expect(job.result()).rejects.toThrow();
    const [registered] = (await inspect.registered()).answers;
    expect(registered?.answer).toContainEqual({
      name: "test.echo",
      queue: "default",
      kind: "task",
      served: true,
    });
    expect(registered?.answer).toContainEqual({
      name: "test.ray_echo",
      queue: "ml",
      kind: "ray",
      served: false,
    });
    const [stats] = (await inspect.stats()).answers;
    expect(stats?.answer).toMatchObject({ failed: 1, completed: 0, lastTakenAt: expect.any(String) });
    const [conf] = (await inspect.conf()).answers;
    expect(conf?.answer).toMatchObject({ notify: { webhookUrl: "(secret)" }, worker: { name: "told" } });
    expect(JSON.stringify(conf)).not.toContain("s3cr3t");
    const [report] = (await inspect.report()).answers;
    expect(report?.answer).toMatchObject({ node: process.versions.node, redis: expect.any(String) });
  });

  test("what is no request does not end a worker, and what does not fit is refused by it", async () => {
    await world.worker({ name: "tough" });
    const { keys, redis } = world.broker;
    const until = Date.now() + 60_000;
    for (const message of [
      "hello",
      "null",
      "[]",
      '{"id":1}',
      '{"id":"x","client":"y","command":"rm","until":1}',
    ]) {
      await redis.publish(keys.control, message);
    }
    const replies: string[] = [];
    const ear = world.broker.duplicate();
    await ear.connect();
    ear.on("message", (_channel, message) => replies.push(message));
    await ear.subscribe(keys.answers("me"));
    const bad = { id: "1", client: "me", command: "concurrency", args: { concurrency: 0 }, until };
    await redis.publish(keys.control, JSON.stringify(bad));
    const reply = await eventually("it answers", () => replies[0]);
    expect(JSON.parse(reply)).toMatchObject({ id: "1", worker: "tough", error: { code: "INPUT_INVALID" } });
    await redis.publish(keys.control, JSON.stringify({ ...bad, id: "2", until: 5 }));
    expect(namesOf(await inspect.ping())).toEqual(["tough"]);
    expect(replies).toHaveLength(1);
    ear.disconnect();
    await expect(control.concurrency(0)).rejects.toMatchObject({ code: "INPUT_INVALID" });
  });

  test("concurrency changes while all slots are taken", async () => {
    await world.worker({ name: "one", queues: ["default"], concurrency: 1 });
    const jobs = ["a", "b", "c"].map((id) => ({
      task: "test.echo" as const,
      input: { seconds: 60 },
      options: { id },
    }));
    await world.client.enqueueMany(jobs);
    const active = async () => (await inspect.active()).answers[0]?.answer.length;
    await eventually("one runs", async () => (await active()) === 1);
    const { answers } = await control.concurrency(3);
    expect(answers[0]?.answer).toMatchObject([{ name: "default", concurrency: 3 }]);
    await eventually("three run", async () => (await active()) === 3);
    await control.cancelMany({ task: "test.echo" });
  });

  test("a worker that is paused takes no job, not even the one it was waiting for; it goes on when resumed", async () => {
    await world.worker({ name: "one", queues: ["default"] });
    const warm = await world.client.enqueue("test.echo", {});
    await warm.result({ timeout: "20s" });
    await control.pauseWorkers({ workers: ["one"] });
    const job = await world.client.enqueue("test.echo", { text: "later" });
    // A second one takes it, and that the first was paused has cost it no attempt.
    await expect(job.result({ timeout: "1s" })).rejects.toMatchObject({ code: "WAIT_TIMEOUT" });
    expect(await job.state()).toBe("waiting");
    expect((await inspect.stats()).answers[0]?.answer.queues).toMatchObject([{ paused: true, active: 0 }]);
    await control.resumeWorkers({ workers: ["one"] });
    expect(await job.result({ timeout: "20s" })).toEqual({ text: "later", attempt: 1 });
  });

  test("a paused queue rests for all workers, and is shown so", async () => {
    await world.worker({ name: "one" });
    await control.pauseQueue("default");
    const job = await world.client.enqueue("test.echo", {});
    await expect(job.result({ timeout: "500ms" })).rejects.toMatchObject({ code: "WAIT_TIMEOUT" });
    expect((await inspect.queues()).find(({ queue }) => queue === "default")).toMatchObject({
      paused: true,
      waiting: 1,
    });
    await control.resumeQueue("default");
    await job.result({ timeout: "20s" });
  });

  test("a worker takes up a queue and gives it up again; its Ray job runs on for another", async () => {
    await world.worker({ name: "one", queues: ["default"] });
    const job = await world.client.enqueue("test.ray_echo", { seconds: 8 }, { id: "moves" });
    const { answers } = await control.addQueue("ml", { concurrency: 2 });
    expect(answers[0]?.answer.map(({ name }) => name)).toEqual(["default", "ml"]);
    expect((await control.addQueue("ml", { concurrency: 1 })).answers).toMatchObject([
      { answer: [{ name: "default" }, { name: "ml", concurrency: 2 }] },
    ]);
    await eventually("it runs on the cluster", () => world.runs("moves").length === 1);
    expect((await control.removeQueue("ml")).answers[0]?.answer).toMatchObject([{ name: "default" }]);
    await eventually("it was handed back", async () => (await job.state()) === "waiting");
    await world.worker({ name: "two", queues: ["ml"] });
    expect(await job.result({ timeout: "30s" })).toMatchObject({ attempt: 1 });
    expect(world.runs("moves")).toHaveLength(1);
  });

  test("a worker that is told to stop stops in good order and leaves the list at once", async () => {
    const worker = await world.workerProcess({ WORKER_NAME: "leaves" });
    const job = await world.client.enqueue("test.echo", { seconds: 1 });
    await runs(job.id);
    expect(namesOf(await control.shutdown({ workers: ["leaves"] }))).toEqual(["leaves"]);
    await eventually("its process ended", () => worker.process.exitCode !== null);
    expect(worker.process.exitCode).toBe(0);
    expect(await job.state()).toBe("completed");
    expect(await inspect.workers()).toEqual([]);
  });

  test("limits that an operator sets are kept in Redis, reach workers, and go again", async () => {
    await world.worker({ name: "one" });
    await control.timeLimit("test.echo", { hard: "300ms" });
    const late = await world.client.enqueue("test.echo", { seconds: 30 }, { attempts: 1 });
    await expect(late.result({ timeout: "20s" })).rejects.toMatchObject({ code: "TIME_LIMIT_EXCEEDED" });
    // A worker that starts later knows it too.
    await world.worker({ name: "two" });
    await control.shutdown({ workers: ["one"] });
    const again = await world.client.enqueue("test.echo", { seconds: 30 }, { attempts: 1 });
    await expect(again.result({ timeout: "20s" })).rejects.toMatchObject({ code: "TIME_LIMIT_EXCEEDED" });
    expect(namesOf(await control.timeLimit("test.echo", "default", { workers: ["two"] }))).toEqual(["two"]);
    const free = await world.client.enqueue("test.echo", { seconds: 0.6 }, { attempts: 1 });
    await free.result({ timeout: "20s" });
    await expect(control.rateLimit("test.eco", "10/m")).rejects.toMatchObject({ code: "TASK_UNKNOWN" });
    await expect(control.rateLimit("test.echo", "ten")).rejects.toMatchObject({ code: "INPUT_INVALID" });
    await expect(control.timeLimit("test.echo", {})).rejects.toMatchObject({ code: "INPUT_INVALID" });
  });

  test("scheduled jobs and those next in line are listed in their order", async () => {
    const { client } = world;
    await client.enqueue("test.echo", { text: "far" }, { delay: "2h", id: "far" });
    await client.enqueue("test.echo", {}, { delay: "1h", id: "near", tags: ["t"] });
    await client.enqueue("test.echo", {}, { id: "low", priority: 5 });
    await client.enqueue("test.echo", {}, { id: "first" });
    await client.enqueue("test.echo", {}, { id: "second" });
    const scheduled = await inspect.scheduled();
    expect(scheduled.map(({ id }) => id)).toEqual(["near", "far"]);
    expect(scheduled[0]?.tags).toEqual(["t"]);
    expect(Math.abs(Number(scheduled[0]?.at) - Date.now() - 3_600_000)).toBeLessThan(5000);
    const reserved = await inspect.reserved({ queue: "default" });
    expect(reserved.map(({ id }) => id)).toEqual(["first", "second", "low"]);
    expect((await inspect.reserved({ limit: 1 })).map(({ id }) => id)).toEqual(["first"]);
  });

  test("jobs are cancelled by task, tag, queue and state, at most so many, or only shown", async () => {
    const { client } = world;
    await client.enqueue("test.echo", {}, { id: "a", tags: ["red"] });
    await client.enqueue("test.echo", {}, { id: "b", tags: ["red"], delay: "1h" });
    await client.enqueue("test.echo", {}, { id: "c", tags: ["blue"] });
    await client.enqueue("test.ray_echo", {}, { id: "d", tags: ["red"] });
    const dry = await control.cancelMany({ tag: "red" }, { dryRun: true });
    expect(dry.jobs.map(({ id, outcome }) => [id, outcome]).sort()).toEqual([
      ["a", "dry-run"],
      ["b", "dry-run"],
      ["d", "dry-run"],
    ]);
    expect(await (await client.get("a")).state()).toBe("waiting");
    expect(await control.cancelMany({ tag: "red" }, { limit: 2 })).toMatchObject({ more: true });
    const some = await control.cancelMany({ tag: "red", queue: "default", state: "scheduled" });
    expect(some.jobs.map(({ id }) => id).filter((id) => id !== "b")).toEqual([]);
    await control.cancelMany({ task: "test.echo" });
    const states = await Promise.all(["a", "b", "c"].map(async (id) => (await client.get(id)).state()));
    expect(states).toEqual(["cancelled", "cancelled", "cancelled"]);
    await expect(control.cancelMany({})).rejects.toMatchObject({ code: "INPUT_INVALID" });
  });

  test("a purge removes what waits, counts it, and has Ray jobs stopped that were left running", async () => {
    const { client, broker } = world;
    await client.enqueueMany(
      Array.from({ length: 120 }, (_, index) => ({
        task: "test.echo" as const,
        input: {},
        options: index < 100 ? {} : { delay: "1h" },
      })),
    );
    await client.enqueue("test.ray_echo", {}, { id: "left" });
    await broker.redis.hset(broker.keys.job("ml", "left"), "lovage:ray", '{"submissionId":"s-1"}');
    await client.enqueue("test.ray_echo", {}, { id: "left-elsewhere" });
    const elsewhere = '{"submissionId":"s-2","cluster":"gpu"}';
    await broker.redis.hset(broker.keys.job("ml", "left-elsewhere"), "lovage:ray", elsewhere);
    expect(await control.purge("default")).toEqual({ waiting: 100, scheduled: 20, left: 0 });
    expect(await control.purge("ml")).toEqual({ waiting: 2, scheduled: 0, left: 0 });
    expect((await createRayStops(broker).list()).sort()).toEqual(["gpu@s-2", "s-1"]);
    await expect(client.get("left")).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
  });
});
