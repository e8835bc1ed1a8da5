import { afterAll, beforeAll, expect, test } from "vitest";
import { createRegistration } from "../../src/queue/registry.ts";
import { createDashboardWorld, type DashboardWorld } from "../support/dashboard-world.ts";
import { eventually } from "../support/world.ts";

let world: DashboardWorld;
beforeAll(async () => {
  world = await createDashboardWorld();
  await world.worker({ name: "w@1", queues: ["default", "data"] });
});
afterAll(() => world?.close());

const served = async () => (await world.client.inspect.stats()).answers[0]?.answer.queues;
const path = "/workers/w%401";

/** As when no beat has come for so long. */
async function silence(name: string, milliseconds: number): Promise<void> {
  const { redis, keys } = world.broker;
  const stored = (await redis.hget(keys.workers, name)) ?? "";
  const [at = ""] = stored.split(" ");
  await redis.hset(keys.workers, name, stored.replace(at, String(Number(at) - milliseconds)));
}

test("the page tells of workers, their queues and jobs; a worker's own page tells all it says of itself", async () => {
  const job = await world.client.enqueue("test.echo", { seconds: 30, text: "now running" });
  const viewer = await world.login("viewer");
  const text = await eventually("the job runs", async () => {
    const page = await (await viewer.fetch("/workers")).text();
    return page.includes(`/jobs/default/${job.id}`) && page;
  });
  expect(text).toContain("w@1");
  expect(text).not.toContain("/shutdown");
  const one = await (await viewer.fetch(path)).text();
  for (const part of ["now running", "test.ray_echo", "Registered tasks", "Configuration", "Node.js"]) {
    expect(one).toContain(part);
  }
  expect(one).not.toContain('<button type="submit">Set');
  await job.cancel();
  // A page that refreshes itself asks for the living part only.
  const part = await (await viewer.fetch(path, { headers: { "hx-request": "true" } })).text();
  expect(part).not.toContain("Registered tasks");
});

test("an operator pauses, resumes and sets the concurrency of a queue; all is audited", async () => {
  const operator = await world.login("operator");
  const act = async (rest: string, fields?: Record<string, string>) => {
    const answer = await operator.post(`${path}/${rest}`, fields);
    expect([rest, answer.status, answer.headers.get("location")]).toEqual([rest, 303, path]);
  };
  await act("queues/data/pause");
  expect(await served()).toContainEqual({ name: "data", concurrency: 2, active: 0, paused: true });
  expect(await (await operator.fetch(path)).text()).toContain(
    "w@1 takes no jobs of data until it is resumed",
  );
  await act("queues/data/resume");
  await act("queues/data/concurrency", { concurrency: "7" });
  expect(await served()).toContainEqual({ name: "data", concurrency: 7, active: 0, paused: false });
  const log = await (await (await world.login("admin")).fetch("/audit")).text();
  for (const action of ["worker.pause", "worker.resume", "worker.concurrency"]) expect(log).toContain(action);
});

test.each([
  ["viewer", "queues/data/pause"],
  ["viewer", "queues/data/concurrency"],
  ["operator", "queues"],
  ["operator", "queues/data/remove"],
  ["operator", "shutdown"],
  ["operator", "forget"],
] as const)("the role %s may not: %s", async (role, rest) => {
  const before = await served();
  const answer = await (await world.login(role)).post(`${path}/${rest}`, { queue: "ml", concurrency: "9" });
  expect(answer.status).toBe(403);
  expect(await served()).toEqual(before);
});

test.each([
  ["queues/data/concurrency", { concurrency: "many" }, 422],
  ["queues/data/concurrency", {}, 422],
  ["queues/nope/pause", {}, 422],
] as const)("what is no sense is refused: %s %j", async (rest, fields, status) => {
  const answer = await (await world.login("admin")).post(`${path}/${rest}`, fields);
  expect(answer.status).toBe(status);
  expect(await answer.text()).toContain("INPUT_INVALID");
});

test("an admin adds and removes a queue; one nobody knows is told", async () => {
  const admin = await world.login("admin");
  await admin.post(`${path}/queues`, { queue: "ml", concurrency: "3" });
  expect((await served())?.map(({ name }) => name)).toEqual(["default", "data", "ml"]);
  await admin.post(`${path}/queues/ml/remove`);
  expect((await served())?.map(({ name }) => name)).toEqual(["default", "data"]);
  const unknown = await admin.post("/workers/nobody/shutdown");
  expect(unknown.status).toBe(404);
  expect((await admin.fetch("/workers/nobody")).status).toBe(404);
});

test("a dead worker is told from a live one, cannot be asked, and can be forgotten", async () => {
  const gone = await world.workerProcess({ WORKER_NAME: "gone", WORKER_QUEUES: "ml" });
  await gone.kill();
  await silence("gone", 20_000);
  const admin = await world.login("admin");
  const list = await (await admin.fetch("/workers")).text();
  expect(list).toContain("state-dead");
  expect(list).toContain("no beat for");
  expect((await admin.fetch("/workers/gone")).status).toBe(200);
  const asked = await admin.post("/workers/gone/queues/ml/pause");
  expect([asked.status, await asked.text()]).toEqual([504, expect.stringContaining("gone is dead")]);
  expect((await admin.post("/workers/gone/forget")).status).toBe(303);
  expect((await world.client.inspect.workers()).map(({ name }) => name)).not.toContain("gone");
});

test("limits of a task are set, turned off and given back to its definition by an operator", async () => {
  const operator = await world.login("operator");
  const overview = async () => (await operator.fetch("/tasks")).text();
  expect(await overview()).toContain("test.echo");
  expect((await operator.post("/tasks/test.echo/rate", { rate: "7/m" })).status).toBe(303);
  expect((await operator.post("/tasks/test.echo/time", { soft: "90s", hard: "2m" })).status).toBe(303);
  expect(await overview()).toMatch(/7\/m.*1m 30s soft, 2m 0s hard/s);
  expect(await (await operator.fetch("/tasks/test.echo")).text()).toContain("json-schema.org");
  await operator.post("/tasks/test.echo/rate", { switch: "off" });
  await operator.post("/tasks/test.echo/time", { switch: "default" });
  const after = await overview();
  expect(after).toMatch(/off.*set here; defined: none/s);
  expect(after).not.toContain("1m 30s soft");
  expect((await operator.post("/tasks/test.echo/rate", { rate: "fast" })).status).toBe(422);
  expect((await operator.post("/tasks/test.nope/rate", { rate: "1/s" })).status).toBe(404);
  expect((await (await world.login("viewer")).post("/tasks/test.echo/rate", { rate: "1/s" })).status).toBe(
    403,
  );
});

test("an admin stops a worker; the page says that it stops, and what it waits for", async () => {
  const admin = await world.login("admin");
  const worker = await world.workerProcess({ WORKER_NAME: "leaving", WORKER_QUEUES: "ml" });
  await world.client.enqueue("test.echo", { seconds: 4 }, { queue: "ml" });
  await eventually("its job runs", async () => {
    const { answers } = await world.client.inspect.active({ workers: ["leaving"] });
    return answers[0]?.answer.length === 1;
  });
  expect((await admin.post("/workers/leaving/shutdown")).status).toBe(303);
  await eventually("it says that it stops", async () => {
    const page = await (await admin.fetch("/workers")).text();
    return page.includes("state-stopping") && page.includes("waits for 1 of its jobs");
  });
  await eventually("its process has ended", () => worker.process.exitCode === 0);
});

test("a worker whose event loop is held up is stuck", async () => {
  const none = { completed: 0, failed: 0, retried: 0, rss: 1, stopping: false };
  const moments = { at: Date.now(), startedAt: Date.now() };
  const registration = createRegistration(world.broker, "held-up");
  await registration.beat({ host: "h", pid: 1, version: "1", queues: [], lag: 9000, ...none, ...moments });
  const page = await (await (await world.login("viewer")).fetch("/workers")).text();
  expect(page).toContain("state-stuck");
  expect(page).toContain("its event loop was held up for 9.0 s");
  await registration.leave();
});
