/** One node of a Ray cluster. */
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

/** One Ray job. The job, task and attempt are known of Lovage's own only. */
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

/** The Ray cluster, as far as operators look at it. */
export interface ClusterDoor {
  nodes(): Promise<ClusterNodeRow[]>;
  rayJobs(): Promise<RayJobRow[]>;
  close(): Promise<void>;
}
