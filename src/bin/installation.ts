import type { CliInstallation } from "../cli/index.ts";
import { createClient } from "../client/index.ts";
import type { Config } from "../config/index.ts";
import { LovageError } from "../core/errors.ts";
import { type Broker, openBroker } from "../queue/broker.ts";
import { readActingScheduler } from "../queue/lease.ts";
import type { TaskTypes } from "../task/catalogue.ts";
import type { Catalogue } from "../task/index.ts";
import { openClusterDoor } from "./cluster-door.ts";

/** How long a look waits for Redis, in milliseconds. */
const patience = 10_000;

/**
 * The installation that the configuration names.
 * @throws LovageError `USAGE` where it names an HTTP API, which shows no Redis
 */
export function openInstallation(config: Config, catalogue: Catalogue): CliInstallation {
  const { redis, dashboard, api } = config;
  if (api.url !== undefined) {
    throw new LovageError("USAGE", "lovage smoke needs Redis itself, and LOVAGE_URL names an HTTP API", {
      field: "LOVAGE_URL",
      hint: "run it where Redis is reached, without LOVAGE_URL and LOVAGE_API_KEY: in the dashboard's container, say",
    });
  }
  const cluster = openClusterDoor(config);
  const client = createClient<TaskTypes>({ redis, catalogue, timeout: patience });
  let opening: Promise<Broker> | undefined;
  return {
    tasks: catalogue.tasks,
    client,
    async scheduler() {
      opening ??= openBroker({ redis, connectDeadline: patience });
      return readActingScheduler(await opening);
    },
    cluster,
    login: { user: dashboard.user, password: dashboard.password },
    ca: redis.ca,
    async close() {
      const broker = await opening?.catch(() => undefined);
      await Promise.all([broker?.close(), client.close(), cluster.close()]);
    },
  };
}
