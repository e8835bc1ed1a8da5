import { afterAll, beforeAll, expect, test } from "vitest";
import type { Role } from "../../src/core/roles.ts";
import { createAuditLog } from "../../src/queue/audit-log.ts";
import {
  createDashboardWorld,
  type DashboardSession,
  type DashboardWorld,
} from "../support/dashboard-world.ts";
import { eventually } from "../support/world.ts";

let world: DashboardWorld;
const sessions = {} as Record<Role, DashboardSession>;

beforeAll(async () => {
  world = await createDashboardWorld();
  await world.worker({ queues: ["default"], concurrency: 4 });
  for (const role of ["viewer", "operator", "admin"] as const) sessions[role] = await world.login(role);
});
afterAll(() => world.close());

const textOf = async (path: string, role: Role = "viewer") => (await sessions[role].fetch(path)).text();

async function dead(id: string, text = "x"): Promise<string> {
  const job = await world.client.enqueue("test.echo", { text, end: "coded" }, { id });
  await job.result({ timeout: "10s" }).catch(() => {});
  return `/jobs/default/${id}`;
}

test.each<[string, string, Role]>([
  ["cancel", "/jobs/default/some/cancel", "operator"],
  ["replay", "/jobs/default/some/replay", "operator"],
  ["replay with another input", "/jobs/default/some/replay-edited", "operator"],
  ["discard", "/jobs/default/some/discard", "admin"],
  ["cancel several", "/jobs/picked/cancel", "operator"],
  ["discard several", "/jobs/picked/discard", "admin"],
  ["cancel all that match", "/jobs/matching/cancel", "operator"],
  ["replay all that match", "/jobs/matching/replay", "operator"],
  ["enqueue", "/jobs/new", "operator"],
])("%s is for its role only", async (_what, path, role) => {
  const below = role === "admin" ? "operator" : "viewer";
  expect((await sessions[below].post(path)).status).toBe(403);
  expect((await sessions[role].post(path)).status).not.toBe(403);
});

test("an action tells what it did, is in the audit log, and a replay leads to the new job", async () => {
  const path = await dead("acted");
  const answer = await sessions.operator.post(`${path}/replay`);
  expect(answer.status).toBe(303);
  const location = answer.headers.get("location") ?? "";
  expect(location).toBe(`/jobs/default/${encodeURIComponent("acted~replay-1")}`);
  expect(await textOf(location, "operator")).toContain("This job is the replay of acted.");
  const { client } = world;
  await (await client.get("acted~replay-1")).result({ timeout: "10s" }).catch(() => {});
  // A job that has ended cannot be cancelled: that is told, and nothing is noted.
  expect((await sessions.operator.post(`${path}/cancel`)).headers.get("location")).toBe(path);
  expect(await textOf(path, "operator")).toContain("The job had ended already.");
  expect((await sessions.admin.post(`${path}/discard`)).headers.get("location")).toBe("/jobs");
  await expect(client.get("acted")).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
  expect((await sessions.viewer.fetch(path)).status).toBe(404);
  const { lines } = await createAuditLog(world.broker).list({ action: "job", limit: 100 });
  const mine = lines.filter(({ target }) => target === "default:acted");
  expect(mine).toMatchObject([
    { action: "job.discard", by: "admin", role: "admin" },
    { action: "job.replay", by: "operator", details: { outcome: "acted~replay-1" } },
  ]);
});

test("several at once: what cannot be done to one stops none of the others; only our own list is gone back to", async () => {
  await dead("several-1");
  await dead("several-2");
  const body = new URLSearchParams({ _csrf: sessions.operator.csrfToken, back: "https://example.com/jobs" });
  for (const id of ["several-1", "gone", "several-2"]) body.append("job", `default:${id}`);
  const answer = await sessions.operator.fetch("/jobs/picked/replay", { method: "POST", body });
  expect(answer.headers.get("location")).toBe("/jobs");
  expect(await textOf("/jobs", "operator")).toContain("2 of 3 replayed; gone: no job has the id");
  expect((await sessions.operator.post("/jobs/picked/replay")).status).toBe(422);
  const elsewhere = { job: "default:several-1", back: "//example.com" };
  expect((await sessions.operator.post("/jobs/picked/replay", elsewhere)).headers.get("location")).toBe(
    "/jobs",
  );
  const back = { job: "default:several-1", back: "/jobs?tag=x" };
  expect((await sessions.operator.post("/jobs/picked/replay", back)).headers.get("location")).toBe(
    "/jobs?tag=x",
  );
});

test("all that match are replayed after a count, and what is enqueued after the count is left alone", async () => {
  for (let index = 0; index < 5; index += 1) {
    const job = await world.client.enqueue("test.echo", { end: "coded" }, { tags: ["matching"] });
    await job.result({ timeout: "10s" }).catch(() => {});
  }
  const counted = await textOf("/jobs/matching/replay?tag=matching", "operator");
  expect(counted).toContain("<strong>5</strong> jobs can be replayed");
  const until = /name="until" value="([^"]+)"/.exec(counted)?.[1] ?? "";
  const late = await world.client.enqueue("test.echo", { end: "coded" }, { tags: ["matching"] });
  await late.result({ timeout: "10s" }).catch(() => {});
  expect((await sessions.operator.post("/jobs/matching/replay")).status).toBe(422);
  const begun = await sessions.operator.post("/jobs/matching/replay", { tag: "matching", until });
  const run = begun.headers.get("location") ?? "";
  await eventually("the run is over", async () => (await textOf(run)).includes("It is done"));
  expect(await textOf(run)).toContain("<strong>5</strong> replayed, 0 could not be");
  expect((await late.snapshot()).replayedBy).toBeUndefined();
  expect((await sessions.viewer.fetch("/jobs/runs/none")).status).toBe(404);
});

test("a search that is wrong says so beside the form; markup in jobs stays text", async () => {
  await dead("markup", "<script>alert(1)</script>");
  const page = await textOf("/jobs?id=markup");
  expect(page).not.toContain("<script>alert");
  expect(await textOf("/jobs/default/markup")).not.toContain("<script>alert");
  for (const [query, text] of [
    ["since=soon", "since is not a duration"],
    ["queue=mi", "there is no queue"],
    ["state=faild", "there is no state"],
    ["cursor=nonsense", "none of a search"],
  ]) {
    const answer = await sessions.viewer.fetch(`/jobs?${query}`);
    expect(answer.status).toBe(422);
    expect(await answer.text()).toContain(text);
  }
  expect((await sessions.viewer.fetch("/jobs/nowhere/markup")).status).toBe(404);
});

test("a large input is cut on the page, and whole in the download", async () => {
  const text = "long ".repeat(10_000);
  const job = await world.client.enqueue("test.echo", { text }, { id: "large" });
  await job.result({ timeout: "10s" });
  const page = await textOf("/jobs/default/large");
  expect(page.length).toBeLessThan(60_000);
  expect(page).toContain("the whole");
  for (const part of ["input", "output"]) {
    const answer = await sessions.viewer.fetch(`/jobs/default/large/${part}.json`);
    expect(answer.headers.get("content-disposition")).toContain(`large.${part}.json`);
    expect(await answer.json()).toMatchObject({ text });
  }
  expect((await sessions.viewer.fetch("/jobs/default/large/data.json")).status).toBe(404);
});

test("the log comes as a stream that ends with the job", async () => {
  const job = await world.client.enqueue("test.echo", { text: "streamed", seconds: 0.3 });
  const answer = await sessions.viewer.fetch(`/jobs/default/${job.id}/log`, {
    headers: { accept: "text/event-stream" },
  });
  expect(answer.headers.get("content-type")).toContain("text/event-stream");
  const stream = await answer.text();
  expect(stream).toContain("data: began streamed\n\n");
  expect(stream.trimEnd().endsWith("event: end\ndata:")).toBe(true);
  expect((await sessions.viewer.fetch("/jobs/default/nobody/log")).status).toBe(404);
});

test("a form's fields become an input; what is wrong stays in the form, at its field", async () => {
  const form = await textOf("/jobs/new?task=test.echo", "operator");
  for (const name of ["seconds", "text", "lines", "end"]) expect(form).toContain(`name="input.${name}"`);
  const made = await sessions.operator.post("/jobs/new", {
    task: "test.echo",
    "input.text": "typed",
    "input.lines": "0",
    tags: "a, b",
    priority: "2",
    id: "typed-job",
  });
  expect(made.headers.get("location")).toBe("/jobs/default/typed-job");
  const job = await world.client.get("typed-job");
  expect(await job.snapshot()).toMatchObject({ input: { text: "typed", lines: 0 }, tags: ["a", "b"] });

  const numbers = await sessions.operator.post("/jobs/new", {
    task: "test.add",
    "input.numbers": '[1, "x"]',
  });
  expect(numbers.status).toBe(422);
  const page = await numbers.text();
  expect(page).toMatch(/id="fault-numbers"[^>]*>[^<]*numbers\.1/);
  expect(page).toContain("[1, &quot;x&quot;]");
  const priority = await sessions.operator.post("/jobs/new", { task: "test.echo", priority: "12" });
  expect(await priority.text()).toMatch(/id="fault-priority"[^>]*>[^<]*from 0 to 9/);
  const raw = await sessions.operator.post("/jobs/new", {
    task: "test.echo",
    raw: "yes",
    input: "{text: 1}",
  });
  expect(await raw.text()).toMatch(/id="input-fault"[^>]*>[^<]*this is no JSON/);
  expect((await sessions.operator.fetch("/jobs/new?task=nope")).status).toBe(404);
  const again = await textOf("/jobs/new?task=test.echo&from=default%3Atyped-job", "operator");
  expect(again).toContain('value="typed"');
});

test("a workflow's tree is drawn, and its list looks at workflows only", async () => {
  const job = await world.client.enqueue("test.climb", { rounds: 3 }, { id: "drawn" });
  await job.result({ timeout: "20s" });
  const tree = await textOf("/workflows/default/drawn");
  for (const text of ["~0", "sleep 10ms", "test.add"]) expect(tree).toContain(text);
  const list = await textOf("/workflows");
  expect(list).toContain("/workflows/default/drawn");
  expect(list).not.toContain("drawn~0");
  expect((await sessions.viewer.fetch("/workflows/default/nobody")).status).toBe(404);
});
