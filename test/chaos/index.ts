import type { Fault } from "./fault.ts";
import { clockMoved } from "./faults/clock-moved.ts";
import { clusterFailover } from "./faults/cluster-failover.ts";
import { connectionResets } from "./faults/connection-resets.ts";
import { dashboardKilled } from "./faults/dashboard-killed.ts";
import { deployInTheMiddle } from "./faults/deploy-in-the-middle.ts";
import { deployUnderFaults } from "./faults/deploy-under-faults.ts";
import { diskFull } from "./faults/disk-full.ts";
import { endlessLog } from "./faults/endless-log.ts";
import { eventLoopBlocked } from "./faults/event-loop-blocked.ts";
import { hostUnplugged } from "./faults/host-unplugged.ts";
import { memory } from "./faults/memory.ts";
import { poisonousInput } from "./faults/poisonous-input.ts";
import { progressFlood } from "./faults/progress-flood.ts";
import { rayAgentErrors } from "./faults/ray-agent-errors.ts";
import { rayDriverKilled } from "./faults/ray-driver-killed.ts";
import { rayFalseFailed } from "./faults/ray-false-failed.ts";
import { rayHeadReplaced } from "./faults/ray-head-replaced.ts";
import { rayLogSocketDies } from "./faults/ray-log-socket-dies.ts";
import { rayNodeKilled } from "./faults/ray-node-killed.ts";
import { rayStuckPending } from "./faults/ray-stuck-pending.ts";
import { redisFull } from "./faults/redis-full.ts";
import { redisKilled, redisKilledConfirmed } from "./faults/redis-killed.ts";
import { redisPaused } from "./faults/redis-paused.ts";
import { schedulersKilled } from "./faults/schedulers-killed.ts";
import { sentinelFailover } from "./faults/sentinel-failover.ts";
import { slowLossyLink } from "./faults/slow-lossy-link.ts";
import { workerFrozen } from "./faults/worker-frozen.ts";
import { workerKilled } from "./faults/worker-killed.ts";
import { workflowCrashes } from "./faults/workflow-crashes.ts";

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
  clusterFailover,
  deployInTheMiddle,
  memory,
  schedulersKilled,
  clockMoved,
  dashboardKilled,
  workflowCrashes,
  poisonousInput,
  progressFlood,
  endlessLog,
  rayAgentErrors,
  rayDriverKilled,
  rayLogSocketDies,
  rayFalseFailed,
  rayStuckPending,
  rayNodeKilled,
  // Last of those on Ray: they share one, and it makes a new one of it.
  rayHeadReplaced,
  deployUnderFaults,
];
