import * as z from "zod";

const day = 86_400_000;

/** Part of Redis' memory limit from which it is short of memory. */
export const highMemory = 0.8;
/** Milliseconds a job may wait before its queue counts as too slow. */
export const longestWait = 15 * 60_000;

export const Verdict = z.enum(["ok", "degraded", "down"]);
export type Verdict = z.infer<typeof Verdict>;

/** Why the verdict is not ok. The code is stable; the message is for people. */
export const Reason = z.strictObject({ code: z.string(), message: z.string() });
export type Reason = z.infer<typeof Reason>;

const Demand = z.object({ resources: z.record(z.string(), z.number()), count: z.number() });

export const RayHealth = z.discriminatedUnion("reachable", [
  z.strictObject({ reachable: z.literal(false), error: Reason }),
  z.strictObject({
    reachable: z.literal(true),
    nodes: z.strictObject({ alive: z.number(), expected: z.number() }),
    cpus: z.strictObject({
      alive: z.number(),
      expected: z.number(),
      /** Of the alive node that has most. */
      largestNode: z.number(),
    }),
    /** What the cluster is asked for and has not given; null when it did not tell. */
    pendingDemand: z.array(Demand).nullable(),
  }),
]);

export const RedisReport = z.object({
  version: z.string(),
  usedBytes: z.number(),
  maxBytes: z.number(),
  policy: z.string(),
  appendOnly: z.boolean(),
  persistenceOk: z.boolean(),
});

export const QueueReport = z.object({
  queue: z.string(),
  waiting: z.number(),
  scheduled: z.number(),
  active: z.number(),
  failed: z.number(),
  oldestMilliseconds: z.number().nullable(),
  workers: z.number(),
});

/** What was seen, before it is judged. */
export const Observation = z.strictObject({
  ray: RayHealth,
  redis: RedisReport,
  queues: z.array(QueueReport),
});
export type Observation = z.infer<typeof Observation>;

interface Finding extends Reason {
  verdict: Exclude<Verdict, "ok">;
}

/** Judges what was seen: the worst finding decides, and each is a reason. Pure. */
export function judge(seen: Observation): { verdict: Verdict; reasons: Reason[] } {
  const findings = [...judgeRay(seen.ray), ...judgeRedis(seen.redis), ...seen.queues.flatMap(judgeQueue)];
  const down = findings.some((finding) => finding.verdict === "down");
  return {
    verdict: down ? "down" : findings.length > 0 ? "degraded" : "ok",
    reasons: findings.map(({ code, message }) => ({ code, message })),
  };
}

const degraded = (code: string, message: string): Finding => ({ verdict: "degraded", code, message });
const down = (code: string, message: string): Finding => ({ verdict: "down", code, message });

function judgeRay(ray: Observation["ray"]): Finding[] {
  if (!ray.reachable) {
    return [down("RAY_UNREACHABLE", `Ray does not answer: ${ray.error.code}: ${ray.error.message}`)];
  }
  const { nodes, cpus, pendingDemand } = ray;
  if (nodes.alive === 0) return [down("RAY_NODES_NONE", "Ray answers, but none of its nodes is alive")];
  const findings: Finding[] = [];
  if (nodes.alive < nodes.expected) {
    findings.push(degraded("RAY_NODES_MISSING", `${nodes.alive} of ${nodes.expected} Ray nodes are alive`));
  }
  if (cpus.alive < cpus.expected) {
    findings.push(degraded("RAY_CPUS_MISSING", `${cpus.alive} of ${cpus.expected} CPUs are there`));
  }
  if (pendingDemand === null) {
    findings.push(degraded("RAY_DEMAND_UNKNOWN", "Ray does not tell which demand is pending"));
  }
  // Demand that waits for its turn is a busy cluster, not a sick one; what fits on no node waits for ever.
  const hopeless = pendingDemand?.find((demand) => (demand.resources["CPU"] ?? 0) > cpus.largestNode);
  if (hopeless !== undefined) {
    findings.push(
      degraded(
        "RAY_DEMAND_UNMET",
        `something asks for ${hopeless.resources["CPU"]} CPUs on one node, and the largest has ${cpus.largestNode}`,
      ),
    );
  }
  return findings;
}

function judgeRedis(redis: Observation["redis"]): Finding[] {
  const findings: Finding[] = [];
  if (redis.maxBytes > 0 && redis.usedBytes > redis.maxBytes * highMemory) {
    const percent = Math.round((100 * redis.usedBytes) / redis.maxBytes);
    findings.push(degraded("REDIS_MEMORY_HIGH", `Redis uses ${percent} % of its memory limit`));
  }
  if (redis.policy !== "noeviction") {
    findings.push(
      degraded(
        "REDIS_POLICY",
        `Redis' maxmemory-policy is ${redis.policy}, not noeviction: it may drop jobs`,
      ),
    );
  }
  if (!redis.appendOnly) {
    findings.push(
      degraded("REDIS_NOT_PERSISTENT", "Redis' append-only file is off: a restart of Redis loses jobs"),
    );
  }
  if (!redis.persistenceOk) {
    findings.push(degraded("REDIS_PERSISTENCE_FAILING", "Redis' last write of its data to disk failed"));
  }
  return findings;
}

function judgeQueue(queue: Observation["queues"][number]): Finding[] {
  const findings: Finding[] = [];
  if (queue.workers === 0) {
    findings.push(degraded("QUEUE_WITHOUT_WORKERS", `no worker takes jobs from the queue ${queue.queue}`));
  }
  const { oldestMilliseconds: oldest } = queue;
  if (oldest !== null && oldest > longestWait) {
    const waited =
      oldest < 2 * day ? `${Math.floor(oldest / 60_000)} minutes` : `${Math.floor(oldest / day)} days`;
    findings.push(
      degraded(
        "QUEUE_SLOW",
        `the oldest of ${queue.waiting} jobs in the queue ${queue.queue} waits ${waited}`,
      ),
    );
  }
  return findings;
}
