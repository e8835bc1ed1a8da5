import { createClient } from "#client";
import type { ClusterDoor } from "../../src/core/cluster.ts";
import { createDashboard, type DashboardOptions } from "../../src/dashboard/dashboard.ts";
import { createLogger } from "../../src/observe/logger.ts";
import { createWorld, type World, type WorldOptions } from "./world.ts";

/** A world with a dashboard in this process. */
export interface DashboardWorld extends World {
  readonly url: string;
}

const emptyCluster: ClusterDoor = {
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
  const client = createClient({ redis: world.redis });
  const dashboard = createDashboard({
    client,
    broker: world.broker,
    cluster: emptyCluster,
    logger: await createLogger({ level: "silent", format: "json" }),
    version: "1.2.3",
    host: "127.0.0.1",
    port: 0,
    ...options.dashboard,
  });
  await dashboard.start();
  return {
    ...world,
    get url() {
      return dashboard.url;
    },
    async close() {
      await dashboard.stop();
      await client.close();
      await world.close();
    },
  };
}
