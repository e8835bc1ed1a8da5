import { type Duration, toMilliseconds } from "../core/durations.ts";
import { LovageError } from "../core/errors.ts";
import { clusterName } from "./ray-clusters.ts";

/** What the driver of a Ray job asks of the cluster. Without any of it Ray runs the driver on the head node. */
export interface RayResources {
  cpus?: number;
  gpus?: number;
  /** Bytes. */
  memory?: number;
  /** Ray's custom resources, by name. */
  custom?: Record<string, number>;
  /** Ray's node labels that the driver's node must carry. */
  labels?: Record<string, string>;
}

/** A program on the cluster, and within which bounds it runs. */
export interface RayProgram {
  /** File name of a Python program in the folder of Ray programs. */
  program: string;
  /** The name of the Ray cluster it runs on, unless a call names another. Default "default", that of `RAY_ADDRESS`. */
  cluster?: string;
  /** Default: one CPU, so that drivers spread over the cluster instead of crowding the head node. */
  resources?: RayResources;
  /** Default: start "15m", run "6h". */
  deadlines?: { start?: Duration; run?: Duration };
  /** Further environment variables of the program; never secrets: Ray shows them. */
  environment?: Record<string, string>;
}

/** {@link RayProgram} with its defaults. */
export interface RayDefinition {
  program: string;
  cluster?: string;
  resources: RayResources;
  /** Milliseconds a Ray job may be PENDING, and may run. */
  deadlines: { start: number; run: number };
  environment: Record<string, string>;
}

/** @throws LovageError `TASK_INVALID`, `INPUT_INVALID` */
export function readRayProgram(task: string, options: RayProgram): RayDefinition {
  if (!/^[\w-]+\.py$/.test(options.program)) {
    const hint = 'name a file such as "training.py", without a folder';
    const value = options.program;
    throw new LovageError("TASK_INVALID", `task ${task}: program is ${JSON.stringify(value)}; ${hint}`, {
      field: "program",
      value,
      hint,
    });
  }
  if (options.cluster !== undefined && !clusterName.test(options.cluster)) {
    const hint = "use a small letter, then small letters, digits and _, 31 at most";
    const value = options.cluster;
    throw new LovageError("TASK_INVALID", `task ${task}: cluster is ${JSON.stringify(value)}; ${hint}`, {
      field: "cluster",
      value,
      hint,
    });
  }
  const { start = "15m", run = "6h" } = options.deadlines ?? {};
  return {
    program: options.program,
    ...(options.cluster !== undefined && { cluster: options.cluster }),
    resources: options.resources ?? { cpus: 1 },
    deadlines: {
      start: toMilliseconds(start, "deadlines.start"),
      run: toMilliseconds(run, "deadlines.run"),
    },
    environment: options.environment ?? {},
  };
}
