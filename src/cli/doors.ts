import type { Client } from "../client/index.ts";
import type { TaskTypes } from "../task/catalogue.ts";
import type { QueueName } from "../task/definition.ts";

/** One node of the cluster, as `lovage ray nodes` shows it. */
export interface ClusterNodeRow {
  id: string;
  address: string;
  alive: boolean;
  head: boolean;
  cpus: number;
  /** Null where the cluster does not tell. */
  cpusUsed: number | null;
  /** Bytes that Ray may hand out. */
  memory: number | null;
}

/** One Ray job, as `lovage ray jobs` shows it. The job, task and attempt are known of Lovage's own only. */
export interface RayJobRow {
  submissionId: string;
  status: string;
  entrypoint: string;
  jobId: string | null;
  task: string | null;
  attempt: number | null;
  startedAt: Date | null;
  endedAt: Date | null;
  message: string | null;
}

/** The Ray cluster, as far as `lovage ray` looks at it. */
export interface ClusterDoor {
  nodes(): Promise<ClusterNodeRow[]>;
  rayJobs(): Promise<RayJobRow[]>;
  close(): Promise<void>;
}

/** What `lovage worker` was asked for; what is left out comes from the configuration. */
export interface WorkerCommandOptions {
  queues?: readonly QueueName[] | undefined;
  /** Jobs at once, for each of the queues. */
  concurrency?: number | undefined;
  name?: string | undefined;
}

/** What `lovage dev` was asked for. */
export interface DevCommandOptions {
  rayNodes?: number | undefined;
  /** CPUs of each node. */
  rayCpus?: number | undefined;
  redisPort?: number | undefined;
  /** The port of Ray's dashboard and Jobs API. */
  rayPort?: number | undefined;
  /** The first of Ray's other ports. */
  rayBasePort?: number | undefined;
}

/** A stream to write to, and what is known of the terminal behind it. */
export interface Output extends NodeJS.WritableStream {
  isTTY?: boolean;
  columns?: number;
  rows?: number;
  /** Whether the terminal shows colours and the person wants them (`NO_COLOR`). Absent: no colours. */
  hasColors?(): boolean;
}

/** What the command line needs of the world; the program that wires the process gives it. */
export interface CliDoors {
  version: string;
  stdin: AsyncIterable<unknown> & { isTTY?: boolean };
  /** Calls back with each key that is pressed, until the returned function is called. Absent: there is no keyboard. */
  onKey?: ((listener: (key: string) => void) => () => void) | undefined;
  stdout: Output;
  stderr: Output;
  /** Aborted by Ctrl-C. Commands that run a process (`worker`, `dev`) listen to signals themselves. */
  signal: AbortSignal;
  /** Called when a command needs a client; the command line closes it. */
  openClient(): Client<TaskTypes>;
  /** Called when a command needs the cluster; the command line closes it. */
  openCluster(): ClusterDoor;
  runWorker(options: WorkerCommandOptions): Promise<number>;
  runDev(options: DevCommandOptions): Promise<number>;
}
