import type { Progress } from "../core/progress.ts";
import type { TaskLogger } from "../task/context.ts";

/** The Ray jobs that must stop, as `stopMark` writes them, kept in Redis until their cluster proves that they did. */
export interface RayStops {
  add(mark: string): Promise<void>;
  remove(mark: string): Promise<void>;
  list(): Promise<string[]>;
}

/** What a Ray job needs of the job it runs for. */
export interface RayHost {
  /**
   * Aborted with a LovageError: `JOB_CANCELLED` and the time limits' codes stop the Ray job, anything else leaves it to
   * the next worker.
   */
  readonly signal: AbortSignal;
  readonly logger: TaskLogger;
  /** Whether the attempt can be put off while its cluster is down: nothing but the Ray job is part of it. */
  readonly postponable: boolean;
  progress(progress: Progress): Promise<void>;
  /** Keeps lines and the cursor in one step. */
  log(lines: readonly string[], cursor?: string): Promise<void>;
  readLogCursor(): Promise<string | undefined>;
  readRayJob(): Promise<string | undefined>;
  writeRayJob(json: string): Promise<void>;
  readonly stops: RayStops;
  /** Told which Ray job runs for the job, as soon as that is known. */
  onRayJob(submissionId: string): void;
}
