import type { Client } from "../client/index.ts";
import type { ClusterDoor } from "../core/cluster.ts";
import type { Role } from "../core/roles.ts";
import type { ApiKeys } from "../queue/api-keys.ts";
import type { TaskTypes } from "../task/catalogue.ts";
import type { QueueName } from "../task/definition.ts";
import type { Installation } from "./smoke/installation.ts";

/** What `lovage worker` was asked for; what is left out comes from the configuration. */
export interface WorkerCommandOptions {
  queues?: readonly QueueName[] | undefined;
  /** Jobs at once, for each of the queues. */
  concurrency?: number | undefined;
  name?: string | undefined;
  /** Of `/livez`, `/readyz` and `/metrics`. */
  healthPort?: number | undefined;
}

/** What `lovage scheduler` was asked for; what is left out comes from the configuration. */
export interface SchedulerCommandOptions {
  healthPort?: number | undefined;
}

/** What `lovage dashboard` was asked for; what is left out comes from the configuration. */
export interface DashboardCommandOptions {
  host?: string | undefined;
  port?: number | undefined;
  healthPort?: number | undefined;
}

/** What `lovage dev` was asked for. */
export interface DevCommandOptions {
  rayNodes?: number | undefined;
  /** CPUs of each node, the head's first; a single number is every node's. */
  rayCpus?: readonly number[] | undefined;
  redisPort?: number | undefined;
  /** The port of Ray's dashboard and Jobs API. */
  rayPort?: number | undefined;
  /** The first of Ray's other ports. */
  rayBasePort?: number | undefined;
  dashboardPort?: number | undefined;
}

/** The keys of the HTTP API, over a connection of their own. */
export interface CliKeys extends ApiKeys {
  close(): Promise<void>;
}

/** A stream to write to, and what is known of the terminal behind it. */
export interface Output extends NodeJS.WritableStream {
  isTTY?: boolean;
  columns?: number;
  rows?: number;
  /** Whether the terminal shows colours and the person wants them (`NO_COLOR`). Absent: no colours. */
  hasColors?(): boolean;
}

/** What the command line asks the cluster. */
export type CliCluster = Pick<ClusterDoor, "clusters" | "nodes" | "rayJobs" | "close">;

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
  openCluster(): CliCluster;
  /** Called when a command needs the API's keys; the command closes it. */
  openKeys(): Promise<CliKeys>;
  /** Loads what the processes load; the configuration is without secrets. @throws LovageError what one would end with */
  tryOut(): Promise<{ config: Record<string, unknown>; tasks: readonly string[] }>;
  /** Called when a command looks at the whole installation; the command closes it. @throws LovageError `USAGE` over HTTP */
  openInstallation(): Promise<Installation>;
  /** Who types, for what is noted of who did it. */
  user(): string;
  runWorker(options: WorkerCommandOptions): Promise<number>;
  runScheduler(options: SchedulerCommandOptions): Promise<number>;
  runDashboard(options: DashboardCommandOptions): Promise<number>;
  runDev(options: DevCommandOptions): Promise<number>;
  /** A line of the dashboard's file of users. @throws LovageError `INPUT_INVALID` */
  describeUser(user: { name: string; role: Role; password: string }): Promise<string>;
}
