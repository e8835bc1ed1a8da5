import type { RayClient } from "../ray-client-http/index.ts";
import type { Breaker } from "./breaker.ts";
import type { RayHost } from "./host.ts";
import type { RayObserver } from "./observer.ts";
import { codeOf, type Patience } from "./patience.ts";
import type { ProgramPackage } from "./program.ts";
import type { RayRecord } from "./record.ts";
import type { RaySettings, RayTrace } from "./submission.ts";

/** What the Ray jobs of a cluster are run with; the same for all of a worker. */
export interface RayParts {
  /** The cluster's name. */
  cluster: string;
  client: RayClient;
  programs: ProgramPackage;
  settings: RaySettings;
  /** Without it a cluster that is down is waited for by each job alone. */
  breaker?: Breaker | undefined;
  observer?: RayObserver | undefined;
  /** The trace that goes on in the program, as W3C's `traceparent`, and where its spans go. */
  trace?: (() => RayTrace | undefined) | undefined;
}

/** Waits with a silent cluster for the job's sake, and says so in its log and its progress. */
export function patienceOf(host: RayHost, { cluster, settings, observer, breaker }: RayParts): Patience {
  return {
    breaker,
    timeout: settings.unavailableTimeout,
    signal: host.signal,
    onFault: (error) => observer?.callFailed(codeOf(error)),
    onSilence(reason, milliseconds) {
      const seconds = Math.round(milliseconds / 1000);
      host.logger.warn({ cluster, reason, seconds }, "waiting for the Ray cluster");
      host
        .progress({ fraction: null, message: `waiting for the Ray cluster (${seconds} s)` })
        .catch(() => {});
    },
  };
}

/** The host with the submission id on every line of its log. */
export function withId(host: RayHost, { submissionId }: RayRecord): RayHost {
  const { logger } = host;
  return {
    ...host,
    logger: {
      debug: (fields, message) => logger.debug({ submissionId, ...fields }, message),
      info: (fields, message) => logger.info({ submissionId, ...fields }, message),
      warn: (fields, message) => logger.warn({ submissionId, ...fields }, message),
      error: (fields, message) => logger.error({ submissionId, ...fields }, message),
    },
  };
}
