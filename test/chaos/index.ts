import type { Fault } from "./fault.ts";
import { connectionResets } from "./faults/connection-resets.ts";
import { deployInTheMiddle } from "./faults/deploy-in-the-middle.ts";
import { diskFull } from "./faults/disk-full.ts";
import { eventLoopBlocked } from "./faults/event-loop-blocked.ts";
import { hostUnplugged } from "./faults/host-unplugged.ts";
import { memory } from "./faults/memory.ts";
import { redisFull } from "./faults/redis-full.ts";
import { redisKilled, redisKilledConfirmed } from "./faults/redis-killed.ts";
import { redisPaused } from "./faults/redis-paused.ts";
import { sentinelFailover } from "./faults/sentinel-failover.ts";
import { slowLossyLink } from "./faults/slow-lossy-link.ts";
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
  connectionResets,
  slowLossyLink,
  redisFull,
  diskFull,
  sentinelFailover,
  hostUnplugged,
  deployInTheMiddle,
  memory,
];
