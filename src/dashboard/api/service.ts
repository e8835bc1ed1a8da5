import type { service } from "../../contract/service.ts";
import { withDeadline } from "../../queue/connection.ts";
import type { DashboardParts } from "../parts.ts";
import { given, type Handlers } from "./operation-types.ts";

/** How long Redis may take before the service counts as away, in milliseconds. */
const patience = 2000;

/** The service itself. */
export function serviceHandlers({ client, broker, version }: DashboardParts): Handlers<keyof typeof service> {
  return {
    async getHealth() {
      await withDeadline(broker.redis.ping(), patience, broker.address);
      return { status: "ok", version };
    },
    getRedis: () => client.inspect.redis(),
    getHistory: ({ query }) => client.history(given(query)),
  };
}
