import { hash } from "@node-rs/argon2";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createClient } from "#client";
import { createDashboard } from "../../src/dashboard/dashboard.ts";
import type { User } from "../../src/dashboard/users.ts";
import { createLogger } from "../../src/observe/logger.ts";
import { createAuditLog } from "../../src/queue/audit-log.ts";
import { loginLimits } from "../../src/queue/login-throttle.ts";
import {
  createDashboardWorld,
  type DashboardWorld,
  emptyCluster,
  password,
} from "../support/dashboard-world.ts";
import { eventually } from "../support/world.ts";

let world: DashboardWorld;

beforeAll(async () => {
  world = await createDashboardWorld();
});
afterAll(() => world?.close());

const visit = (path: string, init: RequestInit = {}) =>
  fetch(`${world.url}${path}`, { redirect: "manual", ...init });
const tryLogin = (fields: Record<string, string>, headers: Record<string, string> = {}) =>
  visit("/login", { method: "POST", body: new URLSearchParams(fields), headers });

test("a visitor is led to the login and, logged in, to the page they wanted", async () => {
  const led = await visit("/workers?a=1", { headers: { accept: "text/html" } });
  expect(led.status).toBe(303);
  expect(led.headers.get("location")).toBe("/login?next=%2Fworkers%3Fa%3D1");

  const form = await visit("/login?next=/workers");
  expect(form.status).toBe(200);
  expect(form.headers.getSetCookie()).toEqual([]);
  expect(await form.text()).toContain('name="next" value="/workers"');

  const entered = await tryLogin({ name: "viewer", password, next: "/workers" });
  expect(entered.status).toBe(303);
  expect(entered.headers.get("location")).toBe("/workers");

  const session = await world.login("viewer");
  const page = await session.fetch("/workers");
  expect(page.status).toBe(200);
  expect(await page.text()).toContain("viewer");
});

test("a wrong password and a name that nobody has are answered alike, and noted", async () => {
  const wrong = await tryLogin({ name: "viewer", password: "wrong" });
  const unknown = await tryLogin({ name: "nobody-at-all", password: "wrong" });
  expect([wrong.status, unknown.status]).toEqual([401, 401]);
  expect(wrong.headers.getSetCookie()).toEqual([]);
  const said = "The name or the password is wrong.";
  expect(await wrong.text()).toContain(said);
  expect(await unknown.text()).toContain(said);
  const { lines } = await createAuditLog(world.broker).list({ action: "login.failed", limit: 10 });
  expect(lines.map(({ target, by, from }) => ({ target, by, from }))).toEqual([
    { target: "nobody-at-all", by: null, from: "127.0.0.1" },
    { target: "viewer", by: null, from: "127.0.0.1" },
  ]);
});

test("guesses at one user's password are throttled, also those sent at once, and then the right one too", async () => {
  const guesses = await Promise.all(
    Array.from({ length: loginLimits.perUser + 5 }, () => tryLogin({ name: "operator", password: "wrong" })),
  );
  const statuses = guesses.map(({ status }) => status);
  expect(statuses.filter((status) => status === 401)).toHaveLength(loginLimits.perUser);
  expect(statuses.filter((status) => status === 429)).toHaveLength(5);
  const right = await tryLogin({ name: "operator", password });
  expect(right.status).toBe(429);
  expect(Number(right.headers.get("retry-after"))).toBeGreaterThan(800);
  expect(right.headers.getSetCookie()).toEqual([]);
  // Others are not locked out with them.
  expect((await tryLogin({ name: "admin", password })).status).toBe(303);
});

test("guesses from one address are throttled, whoever they are for; logins count as none", async () => {
  const own = await createDashboardWorld();
  const enter = (name: string, secret: string) =>
    fetch(`${own.url}/login`, {
      method: "POST",
      body: new URLSearchParams({ name, password: secret }),
      redirect: "manual",
    });
  try {
    for (let each = 0; each < 3; each += 1) expect((await enter("viewer", password)).status).toBe(303);
    const guesses = Array.from({ length: loginLimits.perAddress }, (_, each) =>
      enter(`user${each}`, "wrong"),
    );
    expect(new Set((await Promise.all(guesses)).map(({ status }) => status))).toEqual(new Set([401]));
    expect((await enter("viewer", password)).status).toBe(429);
  } finally {
    await own.close();
  }
});

test("a session that somebody planted is not the one that is logged in", async () => {
  const planted = await world.login("viewer");
  const entered = await tryLogin({ name: "admin", password }, { cookie: planted.cookie });
  const [given = ""] = entered.headers.getSetCookie();
  expect(given.split(";")[0]).not.toBe(planted.cookie);
  expect((await planted.fetch("/audit")).headers.get("location")).toMatch(/^\/login/);
});

test("the cookie is for this site's requests alone, and for TLS where a proxy says so", async () => {
  const [plain = ""] = (await tryLogin({ name: "admin", password })).headers.getSetCookie();
  expect(plain).toMatch(/^lovage\.sid=.*; HttpOnly; SameSite=Lax$/);
  const proxied = await createDashboardWorld({ dashboard: { trustProxy: true } });
  try {
    const answer = await fetch(`${proxied.url}/login`, {
      method: "POST",
      body: new URLSearchParams({ name: "admin", password }),
      headers: { "x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.7" },
      redirect: "manual",
    });
    expect(answer.headers.getSetCookie()[0]).toContain("; Secure;");
    const { lines } = await createAuditLog(proxied.broker).list({ action: "login", limit: 1 });
    expect(lines[0]?.from).toBe("203.0.113.7");
  } finally {
    await proxied.close();
  }
});

test.each([
  "//evil.example/x",
  "https://evil.example",
  "/\\evil.example",
  "/\t/evil.example",
  "javascript:alert(1)",
  "",
  "/..//evil.example",
])("the login leads to no other site: %j", async (next) => {
  const entered = await tryLogin({ name: "admin", password, next });
  expect(entered.headers.get("location")).toBe("/");
});

test.each([
  { "sec-fetch-site": "cross-site" },
  { "sec-fetch-site": "same-site" },
  { origin: "https://evil.example" },
  { origin: "null" },
])("a login that another site sends is refused: %j", async (headers) => {
  const refused = await tryLogin({ name: "admin", password }, headers as unknown as Record<string, string>);
  expect(refused.status).toBe(403);
  expect(refused.headers.getSetCookie()).toEqual([]);
});

test("logging out ends the session at the server", async () => {
  const session = await world.login();
  const out = await session.post("/logout");
  expect(out.headers.get("location")).toBe("/login");
  const after = await session.fetch("/");
  expect(after.headers.get("location")).toBe("/login?ended=1");
  expect(await (await visit("/login?ended=1")).text()).toContain("Your login has ended");
});

test("an action after the session's end leads to the login and back to the page it was on", async () => {
  const session = await world.login();
  await session.post("/logout");
  const answer = await session.fetch("/queues/ml/pause", {
    method: "POST",
    headers: { referer: `${world.url}/workers?x=1` },
  });
  expect(answer.status).toBe(303);
  expect(answer.headers.get("location")).toBe("/login?next=%2Fworkers%3Fx%3D1&ended=1");
});

test("a login lasts as long as it is used; a page that refreshes itself is no use", async () => {
  const session = await world.login();
  const [key = ""] = await world.broker.redis.keys(`${world.prefix}:session:*`).then(async (keys) => {
    const sizes = await Promise.all(
      keys.map(async (each) => [each, await world.broker.redis.pttl(each)] as const),
    );
    return sizes.toSorted((a, b) => b[1] - a[1]).map(([each]) => each);
  });
  await world.broker.redis.pexpire(key, 5000);
  expect((await session.fetch("/", { headers: { "hx-request": "true", "x-unattended": "1" } })).status).toBe(
    200,
  );
  expect(await world.broker.redis.pttl(key)).toBeLessThanOrEqual(5000);
  await session.fetch("/");
  await eventually("the session to last longer", async () => (await world.broker.redis.pttl(key)) > 5000);
});

test("who is gone, has another role or another password is so at once, wherever they logged in", async () => {
  const listed: User[] = [];
  const [known, changed] = await Promise.all(
    ["a password", "another password"].map((each) => hash(each, { memoryCost: 64, timeCost: 1 })),
  );
  const client = createClient({ redis: world.redis });
  const dashboard = createDashboard({
    client,
    broker: world.broker,
    cluster: emptyCluster,
    logger: await createLogger({ level: "silent", format: "json" }),
    version: "1.2.3",
    host: "127.0.0.1",
    port: 0,
    users: { listed },
    sessionAge: 60_000,
    trustProxy: false,
  });
  let cookie = "";
  const visitAudit = async (users: User[]) => {
    await dashboard.stop();
    listed.splice(0, listed.length, ...users);
    await dashboard.start();
    const answer = await fetch(`${dashboard.url}/audit`, {
      headers: { cookie, accept: "text/html" },
      redirect: "manual",
    });
    return answer.status;
  };
  try {
    expect(await visitAudit([{ name: "ada", role: "admin", hash: known ?? "" }])).toBe(303);
    const entered = await fetch(`${dashboard.url}/login`, {
      method: "POST",
      body: new URLSearchParams({ name: "ada", password: "a password" }),
      redirect: "manual",
    });
    cookie = entered.headers.getSetCookie()[0]?.split(";")[0] ?? "";
    expect(await visitAudit([{ name: "ada", role: "admin", hash: known ?? "" }])).toBe(200);
    expect(await visitAudit([{ name: "ada", role: "operator", hash: known ?? "" }])).toBe(403);
    expect(await visitAudit([{ name: "ada", role: "admin", hash: changed ?? "" }])).toBe(303);
    expect(await visitAudit([{ name: "bob", role: "admin", hash: known ?? "" }])).toBe(303);
  } finally {
    await dashboard.stop();
    await client.close();
  }
});
