import { LovageError } from "../core/errors.ts";
import type { RayClient, RayJob } from "../ray-client-http/index.ts";
import type { TaskLogger } from "../task/context.ts";
import type { RayDefinition } from "../task/definition.ts";
import { defaultCluster } from "../task/ray-clusters.ts";
import { stopMark } from "../task/ray-stop-mark.ts";
import type { BreakerState } from "./breaker.ts";
import type { RayClusters } from "./clusters.ts";
import type { RayHost, RayStops } from "./host.ts";
import { launch } from "./launch.ts";
import { followLog, type Mirror } from "./mirror.ts";
import { type RayParts, withId } from "./parts.ts";
import { codeOf, whyDown } from "./patience.ts";
import { createReaper, type Reaper } from "./reaper.ts";
import { parseCursor, parseRecord, writeRecord } from "./record.ts";
import { leaveToReaper, stopRayJob } from "./stop.ts";
import type { RayAttempt } from "./submission.ts";
import { judge } from "./verdict.ts";
import { watch } from "./watch.ts";

/** Runs the Ray jobs of a worker's attempts. */
export interface RayRunner {
  /**
   * The whole way of one Ray job: submit or re-attach, watch, verdict.
   * @returns the program's result
   * @throws LovageError with the verdict's code, or the signal's reason
   */
  run(definition: RayDefinition, attempt: RayAttempt, input: unknown, host: RayHost): Promise<unknown>;
  /** The clusters that it knows, and whether each is taken for up. */
  clusters(): Record<string, BreakerState>;
  /**
   * The cluster of a definition.
   * @throws LovageError `RAY_CLUSTER_UNKNOWN`
   */
  check(definition: Pick<RayDefinition, "cluster">): void;
  /** For how long an attempt is put off whose cluster is down; undefined: it may begin. */
  putOff(
    definition: Pick<RayDefinition, "cluster">,
    asked: string | undefined,
    host: Pick<RayHost, "readRayJob">,
  ): Promise<{ milliseconds: number; why: string } | undefined>;
  /** Stops the Ray job that the job's record names, if it still runs. */
  stopRecorded(host: RayHost): Promise<void>;
  /** Has the reaper stop the Ray job that the job's record names, unless it is known to have ended. */
  leaveToReaper(host: Pick<RayHost, "readRayJob" | "stops">): Promise<void>;
  /** Repeats the stop of Ray jobs whose jobs did not wait for their end. */
  createReaper(stops: RayStops, logger: TaskLogger): Reaper;
}

/** How long the log may be silent after the end before its last lines are fetched otherwise, in milliseconds. */
const logQuiet = 4000;

/**
 * A log that is shorter, in characters, is read at once when the Ray job has ended: Ray's socket tells what is new
 * about once a second only, and at first later.
 */
const shortLog = 1024 * 1024;

/** Reasons of an abort with which nobody goes on with the Ray job. */
const endingCodes: readonly unknown[] = ["JOB_CANCELLED", "SOFT_TIME_LIMIT_EXCEEDED", "TIME_LIMIT_EXCEEDED"];

function isDown({ breaker }: RayParts): boolean {
  return breaker !== undefined && breaker.state !== "closed";
}

export function createRayRunner(clusters: RayClusters): RayRunner {
  async function run(
    definition: RayDefinition,
    attempt: RayAttempt,
    input: unknown,
    job: RayHost,
  ): Promise<unknown> {
    const { parts, record } = await launch(clusters, definition, attempt, input, job);
    const { client } = parts;
    job.onRayJob(record.submissionId);
    if (record.overdue !== undefined) {
      await stopRayJob(parts, record, job);
      throw new LovageError(record.overdue.code, record.overdue.message, record.overdue);
    }
    const host = withId(job, record);
    const mirror = followLog(
      client,
      record.submissionId,
      parseCursor(await host.readLogCursor(), record.submissionId),
      host,
    );
    try {
      const rayJob = await watch(parts, record, definition, mirror, host);
      await collect(client, rayJob, mirror, host);
      const verdict = judge({ rayJob, result: mirror.result, failure: mirror.failure });
      await writeRecord(host, record, { settled: true });
      if (verdict.type === "failed") throw verdict.error;
      return verdict.value;
    } catch (error) {
      // Whatever else ends the attempt leaves the Ray job to the next worker, or to the reaper.
      const over = host.signal.aborted && endingCodes.includes(host.signal.reason?.code);
      if (over && !record.settled) await stopRayJob(parts, record, host);
      throw error;
    } finally {
      await mirror.stop();
    }
  }

  /** Reads the log to its end. One that ended early or a line that was lost: the last lines come by another way. */
  async function collect(client: RayClient, rayJob: RayJob, mirror: Mirror, host: RayHost): Promise<void> {
    const id = rayJob.submissionId ?? "";
    if (!(await readWhole(client, id, mirror, host))) await mirror.finish(logQuiet);
    if (mirror.result !== undefined || mirror.failure !== undefined) return;
    mirror.readMarkers(rayJob.message ?? "");
    const nodeId = rayJob.driverNodeId;
    if (nodeId === null || rayJob.status === "STOPPED") return;
    const { signal } = host;
    try {
      mirror.readMarkers(await client.logTail(id, { nodeId, lines: 50 }, { signal }));
    } catch (error) {
      host.logger.warn({ err: error }, "the end of the Ray job's log could not be read");
    }
  }

  async function readWhole(
    client: RayClient,
    id: string,
    mirror: Mirror,
    { signal, logger }: RayHost,
  ): Promise<boolean> {
    if (mirror.offset > shortLog) return false;
    try {
      // As JSON a character takes up to six bytes.
      const log = await client.logs(id, { maxBytes: 8 * shortLog, signal });
      await mirror.finishWith(log);
      return true;
    } catch (error) {
      signal.throwIfAborted();
      logger.debug({ err: error }, "the Ray job's log could not be read at once");
      return false;
    }
  }

  async function observed(...[definition, attempt, ...rest]: Parameters<typeof run>): Promise<unknown> {
    const { observer } = clusters;
    let verdict = "succeeded";
    observer?.began(attempt.task);
    try {
      return await run(definition, attempt, ...rest);
    } catch (error) {
      verdict = codeOf(error);
      throw error;
    } finally {
      observer?.ended(attempt.task, verdict);
    }
  }

  return {
    run: observed,
    clusters: () =>
      Object.fromEntries(clusters.names.map((name) => [name, clusters.get(name).breaker?.state ?? "closed"])),
    check: ({ cluster }) => void clusters.get(cluster),
    async putOff({ cluster: own }, asked, host) {
      const anyDown = clusters.names.some((name) => isDown(clusters.get(name)));
      if (!anyDown) return undefined;
      const parts = clusters.of(parseRecord(await host.readRayJob()), asked ?? own);
      if (!isDown(parts) || parts.breaker === undefined) return undefined;
      return { milliseconds: parts.breaker.putOff(), why: whyDown(parts.cluster) };
    },
    leaveToReaper,
    createReaper: (stops, logger) => createReaper({ clients: clusters.clients, stops, logger }),
    async stopRecorded(host) {
      const record = parseRecord(await host.readRayJob());
      if (record === undefined || record.settled) return;
      // A cluster that this worker does not know another may.
      if (!clusters.names.includes(record.cluster ?? defaultCluster)) await host.stops.add(stopMark(record));
      else await stopRayJob(clusters.of(record, undefined), record, host);
    },
  };
}
