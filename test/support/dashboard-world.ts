import { hash } from "@node-rs/argon2";
import type { Page } from "playwright-core";
import { createClient } from "#client";
import type { ClusterDoor } from "../../src/core/cluster.ts";
import { type Role, roles } from "../../src/core/roles.ts";
import { createDashboard, type DashboardOptions } from "../../src/dashboard/dashboard.ts";
import { createLogger } from "../../src/observe/logger.ts";
import { openBroker } from "../../src/queue/broker.ts";
import { createWorld, type World, type WorldOptions } from "./world.ts";

/** A world with a dashboard in this process, whose users are named as their roles are. */
export interface DashboardWorld extends World {
  readonly url: string;
  /** Logs in as the user of a role, by the form. */
  login(role?: Role): Promise<DashboardSession>;
  /** Logs a browser's page in; it shows nothing yet. */
  enter(page: Page, role?: Role): Promise<void>;
}

/** A browser without a window: sends the login's cookie and follows no redirect. */
export interface DashboardSession {
  readonly cookie: string;
  readonly csrfToken: string;
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Sends a form as a page of ours would. */
  post(path: string, fields?: Record<string, string>): Promise<Response>;
}

/** Of every user. */
export const password = "correct horse battery staple";

// Real hashes are dear on purpose; these are cheap, and made once.
const cheapHash = hash(password, { memoryCost: 64, timeCost: 1 });

/** The facts of the one cluster there is. */
export const oneCluster = {
  name: "default",
  address: "http://127.0.0.1:8265",
  expectedNodes: 1,
  expectedCpus: 1,
};

export const emptyCluster: ClusterDoor = {
  clusters: [oneCluster],
  nodes: async () => [],
  rayJobs: async () => [],
  rayJob: async () => null,
  async *log() {},
  close: async () => {},
};

export async function createDashboardWorld(
  options: WorldOptions & { dashboard?: Partial<DashboardOptions> } = {},
): Promise<DashboardWorld> {
  const world = await createWorld(options);
  const { timeout = "10s" } = options.client ?? {};
  const client = createClient({ redis: world.users.worker, timeout });
  const broker = await openBroker({ redis: world.users.worker });
  const hashed = await cheapHash;
  const dashboard = createDashboard({
    client,
    broker,
    cluster: emptyCluster,
    logger: await createLogger({ level: "silent", format: "json" }),
    version: "1.2.3",
    host: "127.0.0.1",
    port: 0,
    users: { listed: roles.map((role) => ({ name: role, role, hash: hashed })) },
    sessionAge: 60_000,
    trustProxy: false,
    ...options.dashboard,
  });
  await dashboard.start();
  const login = (role: Role = "admin") => logIn(dashboard.url, role);
  return {
    ...world,
    get url() {
      return dashboard.url;
    },
    login,
    async enter(page, role) {
      const { cookie } = await login(role);
      const [name = "", value = ""] = cookie.split("=");
      await page.context().addCookies([{ name, value, url: dashboard.url, httpOnly: true, sameSite: "Lax" }]);
    },
    async close() {
      await dashboard.stop();
      await Promise.all([client.close(), broker.close()]);
      await world.close();
    },
  };
}

async function logIn(url: string, name: string): Promise<DashboardSession> {
  const answer = await fetch(`${url}/login`, {
    method: "POST",
    body: new URLSearchParams({ name, password }),
    redirect: "manual",
  });
  const cookie = answer.headers.getSetCookie()[0]?.split(";")[0];
  if (answer.status !== 303 || cookie === undefined) {
    throw new Error(`${name} could not log in: ${answer.status} ${await answer.text()}`);
  }
  const send = (path: string, init: RequestInit = {}) =>
    fetch(new URL(path, url), {
      redirect: "manual",
      ...init,
      headers: { cookie, accept: "text/html", ...init.headers },
    });
  const page = await (await send("/")).text();
  const csrfToken = /<meta name="csrf-token" content="([^"]*)"/.exec(page)?.[1] ?? "";
  return {
    cookie,
    csrfToken,
    fetch: send,
    post: (path, fields = {}) =>
      send(path, { method: "POST", body: new URLSearchParams({ _csrf: csrfToken, ...fields }) }),
  };
}
