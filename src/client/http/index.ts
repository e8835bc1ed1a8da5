import type { TaskTypes } from "../../task/catalogue.ts";
import { type Client, createClientOver } from "../client.ts";
import { checkOptions, type HttpClientOptions } from "../options.ts";
import { createHttpBackend } from "./backend.ts";

export { errorCodes, LovageError } from "../../core/errors.ts";
export { jobStates } from "../../core/states.ts";
export { historySpans } from "../../queue/history-view.ts";
export { openStates } from "../../queue/queue-jobs.ts";
export { chain, chord, chunks, group, map, signature } from "../../task/canvas.ts";
export type * from "../index.ts";

/**
 * Makes a client over the HTTP API alone, for browsers and whatever else has no Redis: the one of `lovage` would bring
 * what speaks to Redis along.
 * @throws LovageError `INPUT_INVALID` for options that do not fit
 */
export function createClient<Tasks extends TaskTypes>(options: HttpClientOptions): Client<Tasks> {
  checkOptions(options);
  return createClientOver(async () => createHttpBackend(options));
}
