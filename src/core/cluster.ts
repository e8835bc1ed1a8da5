/** A Ray cluster as the configuration has it. */
export interface ClusterFacts {
  name: string;
  address: string;
  expectedNodes: number;
  expectedCpus: number;
}

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

/** One Ray job. The job, its queue, task and attempt are known of Lovage's own only. */
export interface RayJobRow {
  /** The name of its cluster. */
  cluster: string;
  submissionId: string;
  status: string;
  entrypoint: string;
  jobId: string | null;
  queue: string | null;
  task: string | null;
  attempt: number | null;
  startedAt: Date | null;
  endedAt: Date | null;
  message: string | null;
}

export interface ClusterLookOptions {
  /** Its name. Default: the first. */
  cluster?: string | undefined;
  /** Milliseconds for the whole look. Default: the deployment's. */
  timeout?: number;
}

/**
 * The Ray clusters, as far as operators look at them. Errors have codes: `RAY_UNAVAILABLE`, `RAY_TIMEOUT`, …, and
 * `RAY_CLUSTER_UNKNOWN` for a name that is no cluster's.
 */
export interface ClusterDoor {
  /** The default one first. */
  readonly clusters: readonly ClusterFacts[];
  nodes(options?: ClusterLookOptions): Promise<ClusterNodeRow[]>;
  /** All of them: Ray drops none by itself, and neither pages nor filters. Not for polling. */
  rayJobs(options?: ClusterLookOptions): Promise<RayJobRow[]>;
  /** One of them; null when the cluster knows none of this id. */
  rayJob(submissionId: string, options?: ClusterLookOptions): Promise<RayJobRow | null>;
  /**
   * The lines that a Ray job prints, in pieces as they come; it ends with the Ray job. Of one that has ended these are the last
   * thousand lines. Of one that runs they begin at its beginning: Ray's socket knows no other place.
   */
  log(submissionId: string, signal: AbortSignal, cluster?: string): AsyncIterable<string[]>;
  close(): Promise<void>;
}
