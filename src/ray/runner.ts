import { describeError, LovageError } from "../core/errors.ts";
import { isTerminal, type RayClient, RayError, type RayJob } from "../ray-client-http/index.ts";
import type { TaskLogger } from "../task/context.ts";
import type { RayDefinition } from "../task/definition.ts";
import type { RayHost, RayStops } from "./host.ts";
import { followLog, type Mirror } from "./mirror.ts";
import { type Patience, pauseUnlessAborted, withPatience } from "./patience.ts";
import type { ProgramPackage } from "./program.ts";
import { createReaper, type Reaper, stopOnce } from "./reaper.ts";
import { parseCursor, parseRecord, type RayRecord } from "./record.ts";
import { buildSubmission, type RayAttempt, type RaySettings, submissionId } from "./submission.ts";
import { judge } from "./verdict.ts";

/** Runs the Ray jobs of a worker's attempts. */
export interface RayRunner {
  /**
   * The whole way of one Ray job: submit or re-attach, watch, verdict.
   * @returns the program's result
   * @throws LovageError with the verdict's code, or the signal's reason
   */
  run(definition: RayDefinition, attempt: RayAttempt, input: unknown, host: RayHost): Promise<unknown>;
  /** Stops the Ray job that the job's record names, if it still runs. */
  stopRecorded(host: RayHost): Promise<void>;
  /** Repeats the stop of Ray jobs whose jobs did not wait for their end. */
  createReaper(stops: RayStops, logger: TaskLogger): Reaper;
}

export interface RayRunnerOptions {
  client: RayClient;
  programs: ProgramPackage;
  settings: RaySettings;
}

/** Status polls: often while a short Ray job may end any moment, then seldom. Milliseconds. */
const poll = { first: 200, oftenFor: 15_000, factor: 1.3, most: 5000 };

/** How long an aborted job itself repeats the stop of its Ray job, in milliseconds. */
const stopPatience = 15_000;

/** A 404 may be a hiccup of a restarting head; so many in a row are not. */
const missesBeforeLost = 3;

/** How long the log may be silent after the end before its last lines are fetched otherwise, in milliseconds. */
const logQuiet = 4000;

export function createRayRunner(options: RayRunnerOptions): RayRunner {
  const { client, programs, settings } = options;

  function patience(host: RayHost): Patience {
    return {
      timeout: settings.unavailableTimeout,
      signal: host.signal,
      onSilence(reason, milliseconds) {
        const seconds = Math.round(milliseconds / 1000);
        host.logger.warn({ reason, seconds }, "waiting for the Ray cluster");
        host
          .progress({ fraction: null, message: `waiting for the Ray cluster (${seconds} s)` })
          .catch(() => {});
      },
    };
  }

  async function run(
    definition: RayDefinition,
    attempt: RayAttempt,
    input: unknown,
    host: RayHost,
  ): Promise<unknown> {
    const earlier = parseRecord(await host.readRayJob());
    const attached = earlier === undefined ? undefined : await attach(earlier, attempt, host);
    const record = attached ?? (await submit(definition, attempt, input, host));
    const offset = parseCursor(await host.readLogCursor(), record.submissionId);
    const mirror = followLog(client, record.submissionId, offset, withId(host, record));
    try {
      const rayJob = await watch(record, definition, mirror, withId(host, record));
      await collect(rayJob, record, mirror, host);
      const verdict = judge({ rayJob, result: mirror.result, failure: mirror.failure });
      await write(host, record, { settled: true });
      if (verdict.type === "failed") throw verdict.error;
      return verdict.value;
    } catch (error) {
      if (host.signal.aborted) await abandon(record, host);
      throw error;
    } finally {
      await mirror.stop();
    }
  }

  /**
   * The Ray job of this attempt, or one of an earlier attempt of which nobody knows that it ended (the cluster fell
   * silent): two programs of one job never run at once.
   */
  async function attach(
    earlier: RayRecord,
    attempt: RayAttempt,
    host: RayHost,
  ): Promise<RayRecord | undefined> {
    if (earlier.settled && earlier.attempt !== attempt.attempt) return undefined;
    const known = await find(earlier.submissionId, host);
    if (known !== undefined) {
      withId(host, earlier).logger.info({ status: known.status }, "re-attached to the Ray job");
      return earlier;
    }
    const { sessionName } = await withPatience(patience(host), () => client.version());
    if ((sessionName ?? "") !== earlier.sessionName) {
      await write(host, earlier, { settled: true });
      throw clusterReplaced(earlier.submissionId);
    }
    // The worker died between recording the submit and sending it.
    return undefined;
  }

  async function submit(
    definition: RayDefinition,
    attempt: RayAttempt,
    input: unknown,
    host: RayHost,
  ): Promise<RayRecord> {
    const packageUri = await withPatience(patience(host), () => programs.ensure(definition.program));
    const submission = buildSubmission(definition, attempt, input, packageUri, settings);
    const { sessionName } = await withPatience(patience(host), () => client.version());
    const record: RayRecord = {
      submissionId: submissionId(attempt),
      attempt: attempt.attempt,
      sessionName: sessionName ?? "",
      submittedAt: Date.now(),
      settled: false,
    };
    // Recorded before it is sent: whoever comes after a crash looks for it on the cluster.
    await write(host, record, {});
    try {
      // The client settles a lost answer by looking, so a repeated call cannot start a second program.
      const { alreadyExisted } = await withPatience(patience(host), () => client.submit(submission));
      const text = alreadyExisted ? "re-attached to the Ray job" : "submitted the Ray job";
      withId(host, record).logger.info({ program: definition.program }, text);
    } catch (error) {
      const refused = error instanceof RayError && !error.retryable;
      if (refused) await write(host, record, { settled: true });
      throw error;
    }
    await host.progress({ fraction: null, message: "submitted to Ray" });
    return record;
  }

  async function watch(
    record: RayRecord,
    definition: RayDefinition,
    mirror: Mirror,
    host: RayHost,
  ): Promise<RayJob> {
    const begun = Date.now();
    let interval = poll.first;
    let misses = 0;
    for (;;) {
      const rayJob = await find(record.submissionId, host);
      if (rayJob === undefined) {
        misses += 1;
        await refuseReplaced(record, host);
        if (misses >= missesBeforeLost) {
          await write(host, record, { settled: true });
          throw new LovageError(
            "RAY_JOB_LOST",
            `the cluster no longer knows the Ray job ${record.submissionId}`,
          );
        }
      } else {
        misses = 0;
        if (isTerminal(rayJob.status)) return rayJob;
        await noteRunning(rayJob, record, host);
        await holdDeadlines(record, definition, host);
      }
      // With the result in hand only the status is waited for.
      const near = mirror.result !== undefined || mirror.failure !== undefined;
      await pauseUnlessAborted(near ? poll.first : interval, host.signal);
      if (Date.now() - begun > poll.oftenFor) interval = Math.min(interval * poll.factor, poll.most);
    }
  }

  async function noteRunning(rayJob: RayJob, record: RayRecord, host: RayHost): Promise<void> {
    if (rayJob.status !== "RUNNING" || record.runningSince !== undefined) return;
    await write(host, record, { runningSince: Date.now() });
    host.logger.info({ milliseconds: Date.now() - record.submittedAt }, "the Ray job runs");
  }

  async function holdDeadlines(record: RayRecord, definition: RayDefinition, host: RayHost): Promise<void> {
    const { start, run: runDeadline } = definition.deadlines;
    const now = Date.now();
    if (record.runningSince === undefined) {
      if (now - record.submittedAt <= start) return;
      await stopRayJob(record, host);
      throw new LovageError("RAY_NOT_STARTED", `the Ray job did not start within ${start} ms`, {
        field: "deadlines.start",
        value: start,
        hint: "the cluster may lack the resources it asks for; see `lovage ray nodes`",
      });
    }
    if (now - record.runningSince <= runDeadline) return;
    await stopRayJob(record, host);
    throw new LovageError(
      "RAY_RUN_TIMEOUT",
      `the Ray job ran longer than ${runDeadline} ms and was stopped`,
      {
        field: "deadlines.run",
        value: runDeadline,
      },
    );
  }

  /** A log that ended early or a line that was lost: the last lines come by another way. */
  async function collect(rayJob: RayJob, record: RayRecord, mirror: Mirror, host: RayHost): Promise<void> {
    await mirror.finish(logQuiet);
    if (mirror.result !== undefined || mirror.failure !== undefined) return;
    mirror.readMarkers(rayJob.message ?? "");
    const nodeId = rayJob.driverNodeId;
    if (nodeId === null || rayJob.status === "STOPPED") return;
    try {
      mirror.readMarkers(await client.logTail(record.submissionId, { nodeId, lines: 50 }));
    } catch (error) {
      host.logger.warn({ err: error }, "the end of the Ray job's log could not be read");
    }
  }

  /** What becomes of the Ray job when its attempt is aborted: only a cancellation stops it. */
  async function abandon(record: RayRecord, host: RayHost): Promise<void> {
    if (host.signal.reason?.code !== "JOB_CANCELLED" || record.settled) return;
    await stopRayJob(record, host);
  }

  /**
   * Ray says "stopped" of a PENDING job and does nothing until its supervisor has started, so the stop is repeated until
   * the status proves it: here for a while, then by the reaper, so that the job need not hold its slot for that.
   */
  async function stopRayJob(record: RayRecord, host: RayHost): Promise<void> {
    const id = record.submissionId;
    await host.stops.add(id);
    const deadline = AbortSignal.timeout(stopPatience);
    const patient: Patience = { ...patience(host), signal: deadline };
    let pending = 0;
    try {
      for (let pause = 300; ; pause = Math.min(pause * 1.5, 2000)) {
        const status = await withPatience(patient, () => stopOnce(client, id));
        if (status === undefined || isTerminal(status)) {
          await host.stops.remove(id);
          host.logger.info({ status }, "the Ray job is stopped");
          break;
        }
        pending += status === "PENDING" ? 1 : 0;
        if (pending > 4)
          throw new LovageError("DEADLINE_EXCEEDED", "the Ray job has not started, so it cannot stop yet");
        await pauseUnlessAborted(pause, deadline);
      }
    } catch (error) {
      host.logger.warn(
        { reason: describeError(error) },
        "the Ray job is left to the reaper, which stops it when it can",
      );
    }
    await write(host, record, { settled: true });
  }

  async function find(id: string, host: RayHost): Promise<RayJob | undefined> {
    return withPatience(patience(host), async () => {
      try {
        return await client.get(id);
      } catch (error) {
        if (error instanceof RayError && error.code === "RAY_NOT_FOUND") return undefined;
        throw error;
      }
    });
  }

  async function refuseReplaced(record: RayRecord, host: RayHost): Promise<void> {
    const { sessionName } = await withPatience(patience(host), () => client.version());
    if ((sessionName ?? "") === record.sessionName) return;
    await write(host, record, { settled: true });
    throw clusterReplaced(record.submissionId);
  }

  return {
    run,
    createReaper: (stops, logger) => createReaper({ client, stops, logger }),
    async stopRecorded(host) {
      const record = parseRecord(await host.readRayJob());
      if (record !== undefined && !record.settled) await stopRayJob(record, host);
    },
  };
}

async function write(host: RayHost, record: RayRecord, changes: Partial<RayRecord>): Promise<void> {
  Object.assign(record, changes);
  await host.writeRayJob(JSON.stringify(record));
}

function clusterReplaced(id: string): LovageError {
  return new LovageError(
    "RAY_CLUSTER_REPLACED",
    `the Ray cluster was replaced, and with it the Ray job ${id} is gone`,
  );
}

function withId(host: RayHost, record: RayRecord): RayHost {
  const { submissionId: id } = record;
  const { logger } = host;
  return {
    ...host,
    signal: host.signal,
    logger: {
      debug: (fields, message) => logger.debug({ submissionId: id, ...fields }, message),
      info: (fields, message) => logger.info({ submissionId: id, ...fields }, message),
      warn: (fields, message) => logger.warn({ submissionId: id, ...fields }, message),
      error: (fields, message) => logger.error({ submissionId: id, ...fields }, message),
    },
  };
}
