import type { Logger } from "./logger.ts";

/** How long the same trouble is not told again, in milliseconds: an outage brings it with every try to reconnect. */
const silence = 10_000;

/** Logs errors that come again and again, the same one once in ten seconds. */
export function createTroubleLog(logger: Logger, message: string): (error: Error) => void {
  let last = "";
  let told = 0;
  return (error) => {
    if (error.message === last && Date.now() - told < silence) return;
    last = error.message;
    told = Date.now();
    logger.warn({ reason: error.message }, message);
  };
}
