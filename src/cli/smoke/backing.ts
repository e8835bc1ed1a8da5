import type { ClusterFacts } from "../../core/cluster.ts";
import { formatMilliseconds } from "../../core/durations.ts";
import type { RedisHealth } from "../../task/context.ts";
import { defaultCluster } from "../../task/ray-clusters.ts";
import { mebibytes } from "../inspect-tables.ts";
import { type Check, count, type Finding, failure, untilWell } from "./check.ts";
import type { Installation } from "./installation.ts";

/** How full Redis may be: beyond it soon refuses jobs. */
const fullest = 0.9;

/** @param looked what Redis said of itself, or why it could not be used: one that evicts is refused by every client */
export function redisCheck(looked: Promise<RedisHealth>): Check {
  return { name: "redis", run: async () => judgeRedis(await looked) };
}

function judgeRedis({ version, appendOnly, persistenceOk, usedBytes, maxBytes }: RedisHealth): Finding {
  const failed = (message: string, hint: string): Finding => ({ result: "failed", message, hint });
  if (maxBytes > 0 && usedBytes > fullest * maxBytes) {
    return failed(
      `it uses ${mebibytes(usedBytes)} of ${mebibytes(maxBytes)}; when it is full it refuses jobs`,
      "keep ended jobs for a shorter time (RESULT_AGE, RESULT_COUNT), or raise maxmemory",
    );
  }
  if (!persistenceOk) {
    return failed("its last write to disk failed", "is the disk full? INFO persistence and its log say more");
  }
  if (!appendOnly) {
    return failed(
      "its append-only file is off: a crash loses what was enqueued",
      "write appendonly yes into redis.conf",
    );
  }
  const room = maxBytes === 0 ? "no limit" : `${mebibytes(maxBytes)}`;
  return {
    result: "ok",
    message: `${version}, noeviction, append-only file, ${mebibytes(usedBytes)} of ${room}`,
  };
}

/** A beat this many times its share of the lease old is late: the lease is renewed five times while it lasts. */
const staleShare = 0.5;

/** A scheduler acts, and is alive. */
export function schedulerCheck({ scheduler }: Pick<Installation, "scheduler">, patience: number): Check {
  const look = async (): Promise<Finding> => {
    const acting = await scheduler();
    const hint = "start one: lovage scheduler; if one runs, its log says what it waits for";
    if (acting === undefined)
      return { result: "failed", message: "no scheduler acts: schedules do not fire", hint };
    const { name, age, lease } = acting;
    const said = `${name} acts; its last beat is ${formatMilliseconds(age)} old`;
    return age > staleShare * lease
      ? { result: "failed", message: said, hint }
      : { result: "ok", message: said };
  };
  return { name: "scheduler", run: () => untilWell(look, patience) };
}

/** Each cluster answers and is whole. */
export function rayChecks({ cluster }: Pick<Installation, "cluster">, required: boolean): Check[] {
  return cluster.clusters.map((facts) => rayCheck(cluster, facts, required));
}

function rayCheck(
  door: Installation["cluster"],
  { name, expectedNodes, expectedCpus }: ClusterFacts,
  required: boolean,
): Check {
  const behind = name === defaultCluster ? "" : `_${name.toUpperCase()}`;
  const weighed = (finding: Finding): Finding =>
    finding.result === "failed" && !required ? { ...finding, result: "warning" } : finding;
  const look = async (): Promise<Finding> => {
    const alive = (await door.nodes({ cluster: name })).filter((node) => node.alive);
    const cpus = alive.reduce((sum, node) => sum + node.cpus, 0);
    const has = `${count(alive.length, "node")} and ${count(cpus, "CPU")}`;
    if (alive.length >= expectedNodes && cpus >= expectedCpus) return { result: "ok", message: has };
    return {
      result: "failed",
      message: `${has}; expected are ${expectedNodes} and ${expectedCpus}`,
      hint: `lovage ray nodes names those that are alive; RAY_EXPECTED_NODES${behind} and RAY_EXPECTED_CPUS${behind} say what is expected`,
    };
  };
  const called = name === defaultCluster ? "ray" : `ray ${name}`;
  return { name: called, run: async () => weighed(await look().catch(failure)) };
}
