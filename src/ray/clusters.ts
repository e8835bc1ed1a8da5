import type { RayClient } from "../ray-client-http/index.ts";
import { defaultCluster, unknownCluster } from "../task/ray-clusters.ts";
import type { RayObserver } from "./observer.ts";
import type { RayParts } from "./parts.ts";
import type { RayRecord } from "./record.ts";

/** The Ray clusters of a deployment, by name. */
export interface RayClusters {
  readonly names: readonly string[];
  /** @throws LovageError `RAY_CLUSTER_UNKNOWN` */
  get(name: string | undefined): RayParts;
  /**
   * The cluster that an attempt's Ray job belongs on: the one that has it already, whatever the task or the call says by
   * now, else the one that is wanted.
   * @throws LovageError `RAY_CLUSTER_UNKNOWN`
   */
  of(record: RayRecord | undefined, wanted: string | undefined): RayParts;
  /** Counts the Ray jobs of all of them. */
  readonly observer: RayObserver | undefined;
  /** Each cluster's client, for whoever looks after all of them. */
  readonly clients: RayClients;
}

/** A client for each cluster, by the cluster's name. */
export type RayClients = Readonly<Record<string, RayClient>>;

export function createRayClusters(
  clusters: Readonly<Record<string, Omit<RayParts, "cluster" | "observer">>>,
  observer?: RayObserver,
): RayClusters {
  const names = Object.keys(clusters);
  const get = (name = defaultCluster): RayParts => {
    const parts = Object.hasOwn(clusters, name) ? clusters[name] : undefined;
    if (parts === undefined) throw unknownCluster(name, names);
    return { ...parts, cluster: name, observer };
  };
  return {
    names,
    observer,
    get,
    of(record, wanted) {
      if (record === undefined || record.settled) return get(wanted);
      try {
        return get(record.cluster);
      } catch (error) {
        // Another worker may know it still, and its Ray job runs on.
        throw unknownCluster(record.cluster ?? defaultCluster, names, { cause: error, retryable: true });
      }
    },
    clients: Object.fromEntries(Object.entries(clusters).map(([name, { client }]) => [name, client])),
  };
}
