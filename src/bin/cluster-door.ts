import { setTimeout as sleep } from "node:timers/promises";
import type { Config } from "../config/index.ts";
import type { ClusterDoor, ClusterFacts, ClusterLookOptions, RayJobRow } from "../core/cluster.ts";
import { createLineReader, type ProgramLine } from "../ray/markers.ts";
import { submittedBy } from "../ray/submission.ts";
import { isTerminal, type RayClient, RayError, type RayJob } from "../ray-client-http/index.ts";
import { defaultCluster, unknownCluster } from "../task/ray-clusters.ts";
import { closeRayClients, clustersOf, openRayClients } from "./ray.ts";

/** The clusters as `lovage ray …` and the dashboard show them. */
export function openClusterDoor(config: Config): ClusterDoor {
  const clusters = clustersOf(config).map(({ name, address, expectedNodes, expectedCpus }) => ({
    name,
    address: withoutUser(address),
    expectedNodes,
    expectedCpus,
  }));
  return createClusterDoor(clusters, openRayClients(config));
}

/** An address as it may be shown. */
function withoutUser(address: string): string {
  const url = new URL(address);
  url.username = "";
  url.password = "";
  return url.href.replace(/\/$/, "");
}

export function createClusterDoor(
  clusters: readonly ClusterFacts[],
  clients: Readonly<Record<string, RayClient>>,
): ClusterDoor {
  const clientOf = (name = defaultCluster): RayClient => {
    const client = Object.hasOwn(clients, name) ? clients[name] : undefined;
    if (client === undefined) throw unknownCluster(name, Object.keys(clients));
    return client;
  };
  return {
    clusters,
    async nodes(options) {
      const nodes = await clientOf(options?.cluster).nodes(toCall(options));
      return nodes.map((node) => ({
        id: node.nodeId,
        address: node.ip ?? node.hostname ?? "unknown",
        alive: node.state === "ALIVE",
        head: node.isHead,
        cpus: node.resources["CPU"] ?? 0,
        cpusUsed: node.used?.["CPU"] ?? null,
        memory: node.resources["memory"] ?? null,
      }));
    },
    async rayJobs(options) {
      const rayJobs = await clientOf(options?.cluster).list(toCall(options));
      return rayJobs.flatMap((rayJob) => toRow(rayJob, options?.cluster) ?? []);
    },
    async rayJob(submissionId, options) {
      const rayJob = await find(clientOf(options?.cluster), submissionId, options);
      return rayJob === null ? null : toRow(rayJob, options?.cluster);
    },
    log: (submissionId, signal, cluster) => readLog(clientOf(cluster), submissionId, signal),
    async close() {
      await closeRayClients(clients);
    },
  };
}

function toCall({ timeout }: ClusterLookOptions = {}): { timeoutMs?: number } {
  return timeout === undefined ? {} : { timeoutMs: timeout };
}

async function find(ray: RayClient, id: string, options?: ClusterLookOptions): Promise<RayJob | null> {
  try {
    return await ray.get(id, toCall(options));
  } catch (error) {
    // An id that Ray would never have given is rejected before anything is asked.
    if (error instanceof RayError && (error.code === "RAY_NOT_FOUND" || error.code === "RAY_REJECTED"))
      return null;
    throw error;
  }
}

function toRow(rayJob: RayJob, cluster = defaultCluster): RayJobRow | null {
  const { submissionId, status, entrypoint, metadata, startTime, endTime, message } = rayJob;
  // Drivers that were not submitted as Ray jobs have no submission id.
  if (submissionId === null) return null;
  const ours = metadata?.["submitted_by"] === submittedBy ? metadata : undefined;
  return {
    cluster,
    submissionId,
    status,
    entrypoint,
    jobId: ours?.["lovage_job_id"] ?? null,
    queue: ours === undefined ? null : (submissionId.split(":")[1] ?? null),
    task: ours?.["lovage_task"] ?? null,
    attempt: ours === undefined ? null : Number(ours["lovage_attempt"]),
    startedAt: startTime === null ? null : new Date(startTime),
    endedAt: endTime === null ? null : new Date(endTime),
    message,
  };
}

/** How soon a log that ended before its Ray job is asked for again, in milliseconds. */
const nextTry = 1000;

/** Lines at the end of a log that are shown of a Ray job that has ended. */
const lastLines = 1000;

async function* readLog(ray: RayClient, id: string, signal: AbortSignal): AsyncGenerator<string[]> {
  const rayJob = await ray.get(id, { signal });
  const reader = createLineReader();
  if (isTerminal(rayJob.status) && rayJob.driverNodeId !== null) {
    const tail = { nodeId: rayJob.driverNodeId, lines: lastLines };
    try {
      yield textOf([...reader.push(await ray.logTail(id, tail, { signal })), ...reader.end()]);
    } catch (error) {
      // The log died with its node.
      if (!(error instanceof RayError && error.code === "RAY_NOT_FOUND")) throw error;
    }
    return;
  }
  let from = 0;
  for (let ended = false; ; ) {
    for await (const { text, offset } of ray.tail(id, { from, signal })) {
      from = offset;
      yield textOf(reader.push(text));
    }
    if (ended) break;
    // That the log ended says nothing of the Ray job. Of one that has, the last lines may have come after that.
    ended = isTerminal((await ray.get(id, { signal })).status);
    if (!ended) await sleep(nextTry, undefined, { signal });
  }
  yield textOf(reader.end());
}

/** Marked lines are what the program tells its worker. */
function textOf(lines: readonly ProgramLine[]): string[] {
  return lines.flatMap((line) => (line.type === "text" ? [line.text] : []));
}
