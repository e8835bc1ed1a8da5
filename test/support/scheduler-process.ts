/** A scheduler as a process of its own that a test may kill or stop; settings come by the environment. */

import { createLogger } from "../../src/observe/logger.ts";
import { openBroker } from "../../src/queue/broker.ts";
import { createScheduler } from "../../src/scheduler/scheduler.ts";

const { LOVAGE_TEST_CATALOGUE = "", REDIS_URL = "", REDIS_PREFIX = "", LOVAGE_TEST_LEASE } = process.env;
const { catalogue } = await import(LOVAGE_TEST_CATALOGUE);
const broker = await openBroker({ redis: { url: REDIS_URL, prefix: REDIS_PREFIX } });
const scheduler = createScheduler({
  broker,
  catalogue,
  logger: await createLogger({ level: "info", format: "json" }),
  minute: "* * * * * *",
  ...(LOVAGE_TEST_LEASE !== undefined && { lease: Number(LOVAGE_TEST_LEASE) }),
});
async function stop(): Promise<void> {
  await scheduler.stop();
  await broker.close();
  if (process.connected) process.disconnect();
}
process.once("SIGTERM", stop);
// A test that died must not leave it behind.
process.once("disconnect", stop);
await scheduler.start();
process.send?.({ type: "ready" });
