import type { Client } from "../../client/index.ts";
import type { ClusterDoor } from "../../core/cluster.ts";
import type { ActingScheduler } from "../../queue/lease.ts";
import type { TaskTypes } from "../../task/catalogue.ts";
import type { QueueName } from "../../task/definition.ts";

/** A whole installation, as `lovage smoke` looks at it. Nothing of it is connected before it is asked. */
export interface Installation {
  /** This release's own tasks. */
  readonly tasks: readonly { readonly name: string; readonly queue: QueueName }[];
  /** Over Redis; it knows this release's tasks, whatever the workers published. */
  readonly client: Client<TaskTypes>;
  /** @returns undefined where none acts */
  scheduler(): Promise<ActingScheduler | undefined>;
  readonly cluster: Pick<ClusterDoor, "clusters" | "nodes">;
  /** Who may log in at the dashboard; no password: nobody whom we know. */
  readonly login: { readonly user: string; readonly password: string | undefined };
  /** PEM text of the installation's own authority, where it has one. */
  readonly ca: string | undefined;
  close(): Promise<void>;
}
