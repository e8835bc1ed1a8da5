import type { Logger } from "../observe/logger.ts";
import type { Broker } from "../queue/broker.ts";
import type { HeldJob } from "../queue/held-job.ts";
import { createRayStops } from "../queue/ray-stops.ts";
import type { RayHost } from "../ray/host.ts";
import type { Reaper } from "../ray/reaper.ts";
import { parseRecord } from "../ray/record.ts";
import type { RayRunner } from "../ray/runner.ts";
import type { RayDefinition } from "../task/definition.ts";
import type { Attempt, Postponement } from "../task/execute.ts";
import type { JobLog } from "./job-log.ts";

/** The Ray jobs of a worker's jobs. */
export interface RayJobs {
  run(
    definition: RayDefinition,
    attempt: Attempt<HeldJob>,
    input: unknown,
    signal: AbortSignal,
  ): Promise<unknown>;
  /** Whether any cluster is down: attempts of Ray tasks are then asked for leave. */
  anyDown(): boolean;
  /** For how long an attempt is put off whose cluster is down; undefined: it may begin. */
  putOff(attempt: Attempt<HeldJob>): Promise<Postponement | undefined>;
  /** Stops the Ray job that an earlier worker may have left running for a job that was cancelled since. */
  stopRecorded(job: HeldJob): Promise<void>;
  /** No Ray job goes on for a job that is over: one that may still run is left to the reaper. */
  leaveToReaper(job: Pick<HeldJob, "id" | "readRayJob">): Promise<void>;
  /** For how many milliseconds the attempt's Ray job has run already; 0 when there is none. */
  age(job: HeldJob): Promise<number>;
  readonly reaper: Reaper;
}

interface Parts {
  broker: Broker;
  rayRunner: RayRunner;
  logger: Logger;
}

export function createRayJobs({ broker, rayRunner, logger }: Parts, jobLog: JobLog): RayJobs {
  const stops = createRayStops(broker);

  function hostOf(job: HeldJob, signal: AbortSignal, postponable = false): RayHost {
    return {
      signal,
      postponable,
      logger: jobLog.of(job),
      progress: (progress) => job.progress(progress),
      log: (lines, cursor) => job.log(lines, cursor),
      readLogCursor: () => job.readLogCursor(),
      readRayJob: () => job.readRayJob(),
      writeRayJob: (json) => job.writeRayJob(json),
      stops,
      onRayJob: (submissionId) => jobLog.noteRayJob(job, submissionId),
    };
  }

  return {
    reaper: rayRunner.createReaper(stops, logger),
    run(definition, { task, call, delivery }, input, signal) {
      const { id: jobId, queue, attempt, enqueuedAt } = delivery;
      const cluster = call.meta.rayCluster;
      const which = { jobId, task: delivery.task, queue, attempt, enqueuedAt, cluster };
      // What an ordinary task did before its Ray job would be done again.
      return rayRunner.run(definition, which, input, hostOf(delivery, signal, task.ray !== undefined));
    },
    anyDown: () => Object.values(rayRunner.clusters()).some((state) => state !== "closed"),
    async putOff({ task, call, delivery }) {
      return task.ray === undefined ? undefined : rayRunner.putOff(task.ray, call.meta.rayCluster, delivery);
    },
    stopRecorded: (job) => rayRunner.stopRecorded(hostOf(job, job.signal)),
    async leaveToReaper(job) {
      try {
        await rayRunner.leaveToReaper({ readRayJob: () => job.readRayJob(), stops });
      } catch (error) {
        logger.error({ job: job.id, err: error }, "the job's Ray job may run on: its record cannot be used");
      }
    },
    async age(job) {
      const record = parseRecord(await job.readRayJob());
      return record?.attempt === job.attempt ? Date.now() - record.submittedAt : 0;
    },
  };
}
