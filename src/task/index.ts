export { LovageError } from "../core/errors.ts";
export type { Progress } from "../core/progress.ts";
export { type Catalogue, createCatalogue, type TasksOf, type TaskTypes } from "./catalogue.ts";
export {
  type BrokerOperations,
  type ClusterOperations,
  type NotificationChannel,
  notificationChannels,
  type QueueHealth,
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
