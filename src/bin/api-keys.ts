import type { CliKeys } from "../cli/index.ts";
import type { Config } from "../config/index.ts";
import { createApiKeys } from "../queue/api-keys.ts";
import { openBroker } from "../queue/broker.ts";

/** How long the command line waits for Redis, in milliseconds. */
const patience = 10_000;

/** The keys of the HTTP API, as `lovage keys` sees to them. */
export async function openApiKeys({ redis }: Config): Promise<CliKeys> {
  const broker = await openBroker({ redis, connectDeadline: patience, onError: () => {} });
  return { ...createApiKeys(broker), close: () => broker.close() };
}
