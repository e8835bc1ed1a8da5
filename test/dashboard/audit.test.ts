import { afterAll, beforeAll, expect, test } from "vitest";
import { createAuditLog } from "../../src/queue/audit-log.ts";
import { createDashboardWorld, type DashboardWorld } from "../support/dashboard-world.ts";

let world: DashboardWorld;

beforeAll(async () => {
  world = await createDashboardWorld();
});
afterAll(() => world?.close());

test("who did what is noted, also at Bull Board, and found by user and action", async () => {
  const [operator, admin] = await Promise.all([world.login("operator"), world.login("admin")]);
  await admin.post("/queues/ml/pause");
  await operator.post("/queues/data/pause");
  const headers = { "x-xsrf-token": operator.csrfToken };
  const resumed = await operator.fetch("/board/api/queues/data/resume", { method: "PUT", headers });
  expect(resumed.status).toBe(200);
  await operator.fetch("/board/api/queues/data/obliterate", { method: "PUT", headers });

  const log = createAuditLog(world.broker);
  const { lines } = await log.list({ by: "operator", action: "queue", limit: 10 });
  expect(lines).toMatchObject([
    {
      action: "queue.resume",
      target: "data",
      role: "operator",
      from: "127.0.0.1",
      details: { by: "Bull Board" },
    },
    { action: "queue.pause", target: "data", by: "operator" },
  ]);

  const page = await (await admin.fetch("/audit?action=queue.pause")).text();
  expect(page).toContain("queue.pause");
  expect(page).not.toContain("queue.resume");
});

test("a long log is read in parts, the newest first", async () => {
  const log = createAuditLog(world.broker);
  const record = { by: "ada", role: "admin", from: "::1", details: {} };
  for (let each = 0; each < 120; each += 1) {
    await log.add({ ...record, action: each % 2 === 0 ? "even" : "odd", target: `job-${each}` });
  }
  const seen: string[] = [];
  let before: string | undefined;
  do {
    const part = await log.list({ by: "ada", action: "odd", before, limit: 25 });
    seen.push(...part.lines.map(({ target }) => target));
    before = part.next ?? undefined;
  } while (before !== undefined);
  expect(seen).toEqual(Array.from({ length: 60 }, (_, each) => `job-${119 - 2 * each}`));
  const admin = await world.login("admin");
  const first = await (await admin.fetch("/audit?by=ada")).text();
  const next = /href="(\/audit\?[^"]*before=[^"]*)"/.exec(first)?.[1]?.replaceAll("&amp;", "&") ?? "";
  expect(first).toContain("job-119");
  expect(await (await admin.fetch(next)).text()).toContain("job-69");
});
