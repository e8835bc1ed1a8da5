export { LovageError } from "../core/errors.ts";
export type { Progress } from "../core/progress.ts";
export type { CallOptions } from "./call-options.ts";
export { type Catalogue, createCatalogue, type TasksOf, type TaskTypes } from "./catalogue.ts";
export {
  type BrokerOperations,
  type ClusterOperations,
  type FinishedRayJob,
  type NotificationChannel,
  notificationChannels,
  type QueueHealth,
  type RayPrograms,
  type RedisHealth,
  type TaskContext,
  type TaskSettings,
} from "./context.ts";
export {
  defineRayTask,
  defineTask,
  type QueueName,
  queueNames,
  type RayTaskOptions,
  type RetryOptions,
  type Task,
  type TaskOptions,
} from "./definition.ts";
// With a star, or a deployment could not add to the interface: an alias takes no augmentation.
export * from "./dependencies.ts";
export type {
  EnqueueHooks,
  Hooks,
  LifecycleHooks,
  OutgoingCall,
  Run,
  RunHooks,
  WorkerFacts,
} from "./hooks.ts";
export type { RayProgram } from "./ray-program.ts";
export type { MissedPolicy, OverlapPolicy, ScheduleOptions } from "./schedule.ts";
export {
  type Callable,
  defineWorkflow,
  type StepOptions,
  type WorkflowContext,
  type WorkflowOptions,
} from "./workflow.ts";
