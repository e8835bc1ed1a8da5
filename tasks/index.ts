import { createCatalogue, type TasksOf } from "#task";
import { aggregateData, processLargeCsv, processNewData } from "./data_tasks.ts";
import { batchPredictions, distributedTraining, hyperparameterSearch, retrainModels } from "./ml_tasks.ts";
import { checkClusterHealth, cleanupOldResults, ping, sendNotification } from "./simple_tasks.ts";

/** Every task there is. A task that is not listed here does not exist. */
export const catalogue = createCatalogue([
  distributedTraining,
  hyperparameterSearch,
  batchPredictions,
  retrainModels,
  processLargeCsv,
  aggregateData,
  processNewData,
  ping,
  checkClusterHealth,
  sendNotification,
  cleanupOldResults,
]);

/** The tasks' inputs and outputs by name, for `createClient<Tasks>`. */
export type Tasks = TasksOf<typeof catalogue>;
