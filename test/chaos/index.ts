import type { Fault } from "./fault.ts";
import { clusterFailover } from "./faults/cluster-failover.ts";
import { diskFull } from "./faults/disk-full.ts";
import { eventLoopBlocked } from "./faults/event-loop-blocked.ts";
import { hostUnplugged } from "./faults/host-unplugged.ts";
import { redisFull } from "./faults/redis-full.ts";
import { redisKilled, redisKilledConfirmed } from "./faults/redis-killed.ts";
import { redisPaused } from "./faults/redis-paused.ts";
import { sentinelFailover } from "./faults/sentinel-failover.ts";
import { workerFrozen } from "./faults/worker-frozen.ts";
import { workerKilled } from "./faults/worker-killed.ts";

/** All faults, in the order in which they are run. */
export const faults: readonly Fault[] = [
  workerKilled,
  workerFrozen,
  eventLoopBlocked,
  redisKilled,
  redisKilledConfirmed,
  redisPaused,
  redisFull,
  diskFull,
  sentinelFailover,
  hostUnplugged,
  clusterFailover,
];
