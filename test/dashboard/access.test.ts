import { appRoutes } from "@bull-board/api/dist/routes.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createClient } from "#client";
import { pageRouters } from "../../src/dashboard/app.ts";
import { hasRule, ruleOf } from "../../src/dashboard/board-rules.ts";
import type { DashboardParts } from "../../src/dashboard/parts.ts";
import { allows, roles } from "../../src/dashboard/viewer.ts";
import { createLogger } from "../../src/observe/logger.ts";
import {
  createDashboardWorld,
  type DashboardSession,
  type DashboardWorld,
  emptyCluster,
} from "../support/dashboard-world.ts";

let world: DashboardWorld;
let sessions: Record<(typeof roles)[number], DashboardSession>;

beforeAll(async () => {
  world = await createDashboardWorld();
  const [viewer, operator, admin] = await Promise.all(roles.map((role) => world.login(role)));
  if (viewer && operator && admin) sessions = { viewer, operator, admin };
});
afterAll(() => world?.close());

interface Route {
  method: string;
  path: string;
}

/** What a router answers to, with something in the place of each parameter. */
async function ownRoutes(): Promise<Route[]> {
  const parts: DashboardParts = {
    client: createClient({ redis: world.redis }),
    broker: world.broker,
    cluster: emptyCluster,
    logger: await createLogger({ level: "silent", format: "json" }),
    version: "1.2.3",
  };
  const routes = pageRouters.flatMap((pages) =>
    pages(parts, async () => {}).stack.flatMap(({ route }) => {
      if (route === undefined) return [];
      const { path, methods } = route as unknown as {
        path: string | string[];
        methods: Record<string, boolean>;
      };
      return [path].flat().flatMap((each) => Object.keys(methods).map((method) => ({ method, path: each })));
    }),
  );
  await parts.client.close();
  return routes.map(({ method, path }) => ({ method: method.toUpperCase(), path: filled(path) }));
}

const boardRoutes = appRoutes.api.flatMap(({ method, route }) =>
  [route].flat().map((path) => {
    const rule = { method: [method].flat()[0] ?? "get", route: path };
    return { rule, method: rule.method.toUpperCase(), path: `/board${filled(path)}` };
  }),
);

function filled(path: string): string {
  return path.replaceAll(/:\w+/g, "none").replaceAll(/[{}*]/g, "");
}

const isSafe = ({ method }: Route) => method === "GET" || method === "HEAD";

const others: Route[] = [
  { method: "GET", path: "/live" },
  { method: "GET", path: "/audit" },
  { method: "GET", path: "/metrics" },
  { method: "GET", path: "/board" },
  { method: "GET", path: "/board/queue/ml" },
  { method: "GET", path: "/board/static/js/none.js" },
  { method: "GET", path: "/board/api/queues/ml/job-data-schema" },
  { method: "POST", path: "/board/api/queues/ml/add" },
  { method: "GET", path: "/no-such-page" },
  { method: "DELETE", path: "/no-such-page" },
];

test("without a login nothing answers but health, the login and its looks", async () => {
  const routes = [...(await ownRoutes()), ...boardRoutes, ...others];
  expect(routes.length).toBeGreaterThan(50);
  const open: string[] = [];
  for (const { method, path } of routes) {
    for (const accept of ["text/html", "application/json"]) {
      const answer = await fetch(`${world.url}${path}`, { method, headers: { accept }, redirect: "manual" });
      const refused =
        answer.status === 401 ||
        (answer.status === 303 && answer.headers.get("location")?.startsWith("/login") === true);
      if (!refused) open.push(`${method} ${path} → ${answer.status}`);
      await answer.body?.cancel();
    }
  }
  expect(open).toEqual([]);
  for (const path of ["/livez", "/readyz", "/login", "/assets/style.css", "/assets/vendor/htmx.min.js"]) {
    expect((await fetch(`${world.url}${path}`)).status, path).toBe(200);
  }
});

test("what changes something needs the session's token, whoever asks", async () => {
  const routes = [...(await ownRoutes()), ...boardRoutes, ...others].filter((route) => !isSafe(route));
  const accepted: string[] = [];
  for (const { method, path } of routes) {
    for (const headers of [{}, { "x-xsrf-token": "guessed" }]) {
      const answer = await sessions.admin.fetch(path, { method, headers });
      if (answer.status !== 403 || !(await answer.text()).includes("CSRF_INVALID")) {
        accepted.push(`${method} ${path} → ${answer.status}`);
      }
    }
  }
  expect(accepted).toEqual([]);
  const foreign = await sessions.admin.fetch("/logout", {
    method: "POST",
    body: new URLSearchParams({ _csrf: sessions.viewer.csrfToken }),
  });
  expect(foreign.status).toBe(403);
});

test("a viewer changes nothing", async () => {
  const routes = [...(await ownRoutes()), ...boardRoutes, ...others].filter((route) => !isSafe(route));
  const done: string[] = [];
  for (const { method, path } of routes) {
    const answer = await sessions.viewer.fetch(path, {
      method,
      headers: { "x-xsrf-token": sessions.viewer.csrfToken, accept: "application/json" },
    });
    if (![403, 404, 405].includes(answer.status)) done.push(`${method} ${path} → ${answer.status}`);
    if (answer.status === 404 && !path.startsWith("/no-such")) done.push(`${method} ${path} → not guarded`);
  }
  expect(done).toEqual([]);
});

test("the audit log is for admins", async () => {
  expect((await sessions.operator.fetch("/audit")).status).toBe(403);
  expect((await sessions.operator.fetch("/")).status).toBe(200);
  expect(await (await sessions.operator.fetch("/")).text()).not.toContain("/audit");
  const page = await sessions.admin.fetch("/audit");
  expect(page.status).toBe(200);
});

describe("Bull Board", () => {
  test("each of its routes that changes something has a rule of ours", () => {
    expect(boardRoutes.filter(({ rule }) => !hasRule(rule))).toEqual([]);
    expect(ruleOf({ method: "put", route: "/api/of-a-later-release" })).toMatchObject({ role: "admin" });
  });

  test("what cannot be undone is for admins, and what a task declares is changed nowhere here", () => {
    const roleOf = ({ rule }: (typeof boardRoutes)[number]) => {
      const told = ruleOf(rule);
      return "refused" in told ? "nobody" : told.role;
    };
    const named = (role: string) =>
      boardRoutes
        .filter((route) => route.method !== "GET" && roleOf(route) === role)
        .map(({ rule }) => rule.route);
    expect(named("viewer")).toEqual([]);
    expect(named("operator").some((path) => /clean|empty|obliterate|remove/.test(path))).toBe(false);
    expect(named("operator")).toContain("/api/queues/:queueName/:jobId/retry");
    expect(named("nobody")).toContain("/api/queues/:queueName/:jobId/update-data");
    expect(named("nobody").filter((path) => path.includes("job-schedulers"))).toHaveLength(3);
  });

  test.each(roles)("a user with the role %s may do what the rules say", async (role) => {
    const session = sessions[role];
    const viewer = { name: role, role };
    const wrong: string[] = [];
    for (const { rule, method, path } of boardRoutes) {
      const answer = await session.fetch(path, {
        method,
        headers: {
          "x-xsrf-token": session.csrfToken,
          "content-type": "application/json",
          accept: "application/json",
        },
        ...(method !== "GET" && { body: "{}" }),
      });
      await answer.text();
      const told = ruleOf(rule);
      // The way to add a job is our own, and stands before Bull Board's.
      const own = path.endsWith("/add");
      const refused = own ? role === "viewer" : "refused" in told || !allows(viewer, told.role);
      const isRefused = answer.status === 403 || answer.status === 405;
      const workersAsked = path.endsWith("/workers");
      if (!workersAsked && isRefused !== refused) wrong.push(`${method} ${path} → ${answer.status}`);
    }
    expect(wrong).toEqual([]);
  });
});

test("what browsers are told keeps pages to themselves", async () => {
  const page = await sessions.admin.fetch("/");
  const policy = page.headers.get("content-security-policy") ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self';");
  expect(policy).toContain("style-src 'self';");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(page.headers.get("cache-control")).toBe("no-store");
  expect(page.headers.get("x-content-type-options")).toBe("nosniff");
  expect(page.headers.get("x-powered-by")).toBeNull();
  const board = (await sessions.admin.fetch("/board")).headers.get("content-security-policy") ?? "";
  expect(board).toContain("script-src 'self';");
  expect(board).toContain("style-src 'self' 'unsafe-inline'");
});

test("what is too large, cannot be read or is not there is said as a page, and as JSON to programs", async () => {
  const { admin } = sessions;
  const large = await admin.post("/queues/ml/pause", { more: "x".repeat(3_000_000) });
  expect(large.status).toBe(413);
  expect(await large.text()).toContain("DATA_TOO_LARGE");
  const nowhere = await admin.fetch("/no-such-page");
  expect(nowhere.status).toBe(404);
  expect(await nowhere.text()).toContain("there is no page /no-such-page");
  const broken = await admin.fetch("/workers/%E0%A4%A/shutdown");
  expect(broken.status).toBe(400);
  const json = await admin.fetch("/no-such-page", { headers: { accept: "application/json" } });
  expect(await json.json()).toMatchObject({ code: "NOT_FOUND" });
});
