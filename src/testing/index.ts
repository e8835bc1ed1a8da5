export { createClock, type TestClock } from "./clock.ts";
export type { ContextOverrides, LoggedLine } from "./context.ts";
export {
  createEagerClient,
  type DrainReport,
  type EagerClient,
  type EagerClientOptions,
} from "./eager-client.ts";
export { type CallMatch, type EnqueuedCall, type EnqueuedCalls, expectEnqueued } from "./enqueued.ts";
export {
  type Performance,
  type PerformedOutcome,
  type PerformOptions,
  perform,
  performOutcome,
} from "./perform.ts";
export type { RayScript, ScriptedRayJob } from "./scripted-jobs.ts";
export { createScriptedRay, type ScriptedRay } from "./scripted-ray.ts";
export type { SubmittedRayJob } from "./scripted-wire.ts";
