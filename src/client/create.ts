import type { TaskTypes } from "../task/catalogue.ts";
import { type Client, createClientOver } from "./client.ts";
import { type ClientOptions, checkOptions } from "./options.ts";

/**
 * Makes a client, over Redis or over the HTTP API. It connects at its first call, and loads only what its side needs.
 * @throws LovageError `INPUT_INVALID` for options that do not fit
 * @example
 * const client = createClient<Tasks>({ redis: "redis://:secret@127.0.0.1:6380" });
 * const job = await client.enqueue("tasks.simple_tasks.ping", {});
 * console.log(await job.result({ timeout: "10s" }));
 * await client.close();
 */
export function createClient<Tasks extends TaskTypes>(options: ClientOptions): Client<Tasks> {
  checkOptions(options);
  return createClientOver(async () => {
    if (options.redis !== undefined) return (await import("./redis/backend.ts")).createRedisBackend(options);
    return (await import("./http/backend.ts")).createHttpBackend(options);
  });
}
