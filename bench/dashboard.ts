import { hash } from "@node-rs/argon2";
import { createClient } from "#client";
import { catalogue } from "#tasks";
import type { ClusterDoor } from "../src/core/cluster.ts";
import { createDashboard } from "../src/dashboard/dashboard.ts";
import { createLogger } from "../src/observe/logger.ts";
import { openBroker } from "../src/queue/broker.ts";
import { publishManifests } from "../src/queue/manifests.ts";
import { describeTask } from "../src/task/catalogue.ts";

const password = "bench bench bench";
const cluster: ClusterDoor = {
  clusters: [],
  nodes: async () => [],
  rayJobs: async () => [],
  rayJob: async () => null,
  async *log() {},
  close: async () => {},
};

/** A dashboard over one prefix, with somebody logged in. */
export interface BenchDashboard {
  readonly client: ReturnType<typeof createClient>;
  /** Resolves to the milliseconds until the last byte of a page; undefined where there is no such page. */
  time(path: string): Promise<number | undefined>;
  stop(): Promise<void>;
}

export async function startDashboard(redis: { url: string; prefix: string }): Promise<BenchDashboard> {
  const broker = await openBroker({ redis });
  await publishManifests(broker, catalogue.tasks.map(describeTask));
  const client = createClient({ redis });
  const dashboard = createDashboard({
    client,
    broker,
    cluster,
    logger: await createLogger({ level: "silent", format: "json" }),
    version: "bench",
    host: "127.0.0.1",
    port: 0,
    users: {
      listed: [{ name: "bench", role: "admin", hash: await hash(password, { memoryCost: 64, timeCost: 1 }) }],
    },
    sessionAge: 3_600_000,
    trustProxy: false,
  });
  await dashboard.start();
  const cookie = await logIn(dashboard.url);
  return {
    client,
    async time(path) {
      const begun = performance.now();
      const headers = { cookie, accept: "text/html" };
      const answer = await fetch(dashboard.url + path, { headers, redirect: "manual" });
      await answer.text();
      if (answer.status === 404) return undefined;
      if (answer.status !== 200) throw new Error(`${path} answered ${answer.status}`);
      return performance.now() - begun;
    },
    async stop() {
      await dashboard.stop();
      await client.close();
      await broker.close();
    },
  };
}

async function logIn(url: string): Promise<string> {
  const answer = await fetch(`${url}/login`, {
    method: "POST",
    body: new URLSearchParams({ name: "bench", password }),
    redirect: "manual",
  });
  const cookie = answer.headers.getSetCookie()[0]?.split(";")[0];
  if (cookie === undefined) throw new Error(`the login answered ${answer.status}`);
  return cookie;
}
