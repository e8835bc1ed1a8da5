import type { Fault } from "./fault.ts";
import { workerKilled } from "./faults/worker-killed.ts";
import { workflowCrashes } from "./faults/workflow-crashes.ts";

/** All faults, in the order in which they are run. */
export const faults: readonly Fault[] = [workerKilled, workflowCrashes];
