import { describeError } from "../core/errors.ts";
import type { Logger } from "../observe/logger.ts";
import type { Service } from "../process/service.ts";
import type { Lease } from "../queue/lease.ts";

export interface LeadershipOptions {
  lease: Lease;
  /** Milliseconds between two renewals. */
  renewal: number;
  logger: Logger;
  /** Called when this scheduler begins to act, and, with 0, when another does. */
  onTerm(term: number): void;
}

/** Holds the lease, or waits for it. */
export interface Leadership extends Service {
  /** 0 while another acts. Redis itself refuses what is done under a term that is over. */
  readonly term: number;
  /** Asks at once: the lease may be free. */
  ask(): void;
}

/** How long a stop waits for Redis, in milliseconds; the lease runs out by itself. */
const releaseTimeout = 1000;

export function createLeadership({ lease, renewal, logger, onTerm }: LeadershipOptions): Leadership {
  let term = 0;
  let timer: NodeJS.Timeout | undefined;
  let asking: Promise<void> | undefined;
  let stopped = false;

  async function take(): Promise<void> {
    const taken = await lease.take();
    if (stopped || taken === term) return;
    const acted = term !== 0;
    term = taken;
    if (taken !== 0) logger.info({ term }, "this scheduler acts");
    else if (acted) logger.warn({}, "another scheduler acts: this one did not renew its lease in time");
    onTerm(term);
  }

  function ask(): void {
    // While Redis is away one question waits for it; more would only queue up.
    asking ??= take()
      .catch((error) => logger.debug({ reason: describeError(error) }, "the lease could not be asked for"))
      .finally(() => {
        asking = undefined;
      });
  }

  return {
    get term() {
      return term;
    },
    ask,
    async start() {
      timer = setInterval(ask, renewal);
      ask();
      await asking;
    },
    async stop() {
      if (stopped) return;
      stopped = true;
      clearInterval(timer);
      if (term === 0) return;
      term = 0;
      onTerm(0);
      const released = lease.release().catch(() => {});
      await Promise.race([released, new Promise((resolve) => setTimeout(resolve, releaseTimeout).unref())]);
    },
  };
}
