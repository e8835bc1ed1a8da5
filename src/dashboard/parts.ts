import type { Client } from "../client/index.ts";
import type { ClusterDoor } from "../core/cluster.ts";
import type { Logger } from "../observe/logger.ts";
import type { Broker } from "../queue/broker.ts";
import type { TaskTypes } from "../task/catalogue.ts";

/** What pages and the API work with. */
export interface DashboardParts {
  /** The operators' only door to jobs, queues, workers and schedules. */
  readonly client: Client<TaskTypes>;
  /** For what the dashboard keeps for itself (sessions, the audit log), and for Bull Board. */
  readonly broker: Broker;
  readonly cluster: ClusterDoor;
  readonly logger: Logger;
  /** Of Lovage. */
  readonly version: string;
}
