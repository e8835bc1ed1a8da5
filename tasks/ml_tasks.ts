import * as z from "zod";
import { defineRayTask } from "#task";
import { NodesUsed } from "./nodes_used.ts";

const Scalar = z.union([z.number(), z.string(), z.boolean()]);
const Value = z.union([z.string(), z.boolean(), z.number()]);
const Params = z.record(z.string(), Scalar);
const Name = z.string().min(1).max(500);
const Scores = z.record(z.string(), z.number());

const Metric = z
  .enum(["auto", "accuracy", "logloss", "auc", "f1", "rmse", "mae", "r2"])
  .default("auto")
  .describe("Metric that decides; auto: logloss for a classification, rmse for a regression");

// A program waits for its workers most of the time. Were it to ask for a whole CPU, a few programs on a small cluster
// would take all of it and wait for workers that no CPU is left for.
const resources = { cpus: 0.1 };

/** What to train on what: the fields that a search, a training and a retraining have in common. */
const spec = {
  dataset: z
    .string()
    .min(1)
    .describe("CSV or Parquet: a file, folder or glob in the datasets folder, or a URI of an allowed scheme"),
  target: Name.describe("Column to predict"),
  params: Params.default({}).describe(
    "XGBoost parameters such as max_depth and eta; an unknown one is refused",
  ),
  rounds: z.int().min(1).max(100_000).default(100).describe("Boosting rounds, at most"),
  objective: z
    .enum([
      "auto",
      "classification",
      "regression",
      "binary:logistic",
      "multi:softprob",
      "reg:squarederror",
      "reg:absoluteerror",
      "reg:pseudohubererror",
      "reg:squaredlogerror",
      "reg:gamma",
      "reg:tweedie",
      "count:poisson",
    ])
    .default("auto")
    .describe("Found from the target's values (auto), a kind, or XGBoost's own name"),
  validationFraction: z
    .number()
    .min(0.01)
    .max(0.9)
    .default(0.2)
    .describe("Share of the rows that is held out; of each class alike"),
  seed: z
    .int()
    .min(0)
    .max(2_147_483_647)
    .default(42)
    .describe("Decides which rows are held out, and all chance"),
  features: z.array(Name).optional().describe("Columns to learn from; default: all but the target"),
  exclude: z
    .array(Name)
    .default([])
    .describe("Columns not to learn from, such as an id; one without a name is called column_<its place>"),
  categorical: z
    .array(Name)
    .default([])
    .describe("Columns whose numbers are names, such as a postcode; text columns are found by themselves"),
  workers: z
    .int()
    .min(1)
    .max(1000)
    .optional()
    .describe("Worker processes, at most; default: by the size of the data and of the cluster"),
};

const earlyStoppingRounds = z
  .int()
  .min(1)
  .describe(
    "Stop when the held-out rows have not been predicted better for so many rounds; the metrics are measured on the same rows, so they are then a little too good",
  );

const Rows = z.strictObject({
  total: z.int(),
  training: z.int(),
  validation: z.int(),
  withoutTarget: z.int(),
});

export const TrainingRequest = z.strictObject({
  ...spec,
  model: Name.describe("Name of the model: letters, digits, _, - and single dots, up to 100"),
  earlyStoppingRounds: earlyStoppingRounds.optional(),
  setLatest: z.boolean().default(true).describe("Put the new version in use"),
});

export const TrainingReport = z.strictObject({
  model: z.string(),
  version: z.string(),
  path: z.string().describe("Folder of the version, as the Ray nodes see it"),
  latest: z.boolean(),
  kind: z.enum(["binary", "multiclass", "regression"]),
  objective: z.string(),
  classes: z.array(Value).nullable(),
  metrics: Scores.describe("On the held-out rows"),
  rows: Rows,
  features: z.int(),
  ignored: z.array(z.strictObject({ column: z.string(), reason: z.string() })),
  rounds: z.int(),
  importance: Scores.describe("Each feature's share of the gain; the first twenty"),
  fingerprint: z.string().describe("Hash of the contents of the dataset's files"),
  workers: z.int(),
  seconds: z.number(),
  reused: z.boolean().describe("An earlier attempt of the same job and request had made this version"),
  nodes: NodesUsed.nullish().describe("Null where the version was there already"),
});

export const distributedTraining = defineRayTask({
  name: "tasks.ml_tasks.distributed_training",
  queue: "ml",
  description: "Trains XGBoost on a dataset by Ray Train and saves a version of the model",
  input: TrainingRequest,
  output: TrainingReport,
  program: "distributed_training.py",
  resources,
  deadlines: { start: "15m", run: "6h" },
  retry: { attempts: 3, backoff: "30s" },
});

const Values = z.array(Scalar).min(1);
const Ends = z.tuple([z.number(), z.number()]);

export const SearchRequest = z.strictObject({
  ...spec,
  space: z
    .record(
      z.string(),
      z.union([
        z.strictObject({ choice: Values }),
        z.strictObject({ uniform: Ends }),
        z.strictObject({ loguniform: Ends }),
        z.strictObject({ randint: Ends }),
        Values,
        Scalar,
      ]),
    )
    .refine((space) => Object.keys(space).length > 0, "name at least one parameter")
    .describe(
      'What to try for each parameter: [3, 5], {"uniform": [0.5, 1]}, {"loguniform": [0.01, 0.3]} or {"randint": [2, 8]} (both ends included)',
    ),
  method: z
    .enum(["auto", "grid", "random", "asha"])
    .default("auto")
    .describe("auto: a grid when the space is all lists, else random; asha ends poor trials early"),
  trials: z
    .int()
    .min(1)
    .max(1000)
    .default(20)
    .describe("Trials of a random search or of asha; a grid tries all"),
  metric: Metric,
  folds: z
    .int()
    .min(0)
    .max(20)
    .default(3)
    .describe("Folds of the cross-validation; 0 or 1: one held-out part"),
  earlyStoppingRounds: earlyStoppingRounds.nullable().default(20),
  output: z
    .string()
    .min(1)
    .optional()
    .describe("File for all trials (.csv or .parquet), the picture beside it; default: in the models folder"),
  picture: z.enum(["svg", "png"]).default("svg").describe("Format of the picture of the trials"),
});

export const SearchReport = z.strictObject({
  bestParams: Params.describe("Goes into a training's params as it is"),
  bestRounds: z.int(),
  bestScore: z.number(),
  bestTrial: z.int().describe("Counted from 1"),
  metric: z.string(),
  higherIsBetter: z.boolean(),
  method: z.enum(["grid", "random", "asha"]),
  scoredBy: z.string(),
  trials: z.int(),
  stopped: z.int().describe("Trials that asha ended early"),
  failed: z.int(),
  failures: z
    .array(z.strictObject({ trial: z.int(), params: Params, error: z.string() }))
    .describe("The first ten"),
  rows: z.int(),
  trialsFile: z.string(),
  pictureFile: z.string(),
  seconds: z.number(),
  nodes: NodesUsed.optional(),
});

export const hyperparameterSearch = defineRayTask({
  name: "tasks.ml_tasks.hyperparameter_search",
  queue: "ml",
  description: "Searches for the best XGBoost parameters by Ray Tune",
  input: SearchRequest,
  output: SearchReport,
  program: "hyperparameter_search.py",
  resources,
  deadlines: { start: "15m", run: "6h" },
  retry: { attempts: 3, backoff: "30s" },
});

export const PredictionRequest = z.strictObject({
  model: Name.describe("Name of the model"),
  dataset: spec.dataset,
  version: Name.optional().describe("Version of the model; default: the one in use"),
  output: z
    .string()
    .min(1)
    .optional()
    .describe(
      "One file when it ends in .csv or .parquet, else a folder of Parquet files, which may hold nothing but earlier predictions; default: predictions/<model>-<job id>.parquet",
    ),
  predictionColumn: Name.default("prediction").describe("Name of the column with the predictions"),
});

export const PredictionReport = z.strictObject({
  model: z.string(),
  version: z.string(),
  output: z.string(),
  files: z.int(),
  rows: z.int().describe("As many as the dataset has"),
  kind: z.enum(["binary", "multiclass", "regression"]),
  columns: z.array(z.string()),
  extraColumns: z.array(z.string()).describe("Columns that the model does not know; written as they are"),
  unseenCategories: z.record(z.string(), z.int()).describe("Values taken for missing, by column"),
  seconds: z.number(),
  nodes: NodesUsed.optional(),
});

export const batchPredictions = defineRayTask({
  name: "tasks.ml_tasks.batch_predictions",
  queue: "ml",
  description: "Writes a model's prediction for every row of a dataset by Ray Data",
  input: PredictionRequest,
  output: PredictionReport,
  program: "batch_predictions.py",
  resources,
  deadlines: { start: "15m", run: "6h" },
  retry: { attempts: 3, backoff: "30s" },
});

export const RetrainingRequest = z.strictObject({
  models: z.array(Name).optional().describe("Names of models; default: all that there are"),
  metric: Metric,
  tolerance: z
    .number()
    .min(0)
    .max(1)
    .default(0.01)
    .describe("How much worse a new version may be and still be promoted, as a share of the old metric"),
  keepVersions: z
    .int()
    .min(1)
    .max(1000)
    .default(5)
    .describe("Versions kept of each model; the one in use always stays"),
});

export const RetrainingReport = z.strictObject({
  status: z
    .enum(["ok", "partial", "failed", "empty"])
    .describe("partial: some models failed; failed: all did; empty: there is none"),
  promoted: z.int(),
  kept: z.int().describe("Models whose new version was not good enough to be put in use"),
  failed: z.int(),
  models: z.array(
    z.strictObject({
      model: z.string(),
      status: z.enum(["promoted", "kept", "failed"]),
      reason: z.string(),
      version: z.string().nullable(),
      previous: z.string().nullable(),
      metric: z.string().nullable(),
      score: z.number().nullable(),
      previousScore: z.number().nullable(),
      rows: z.int().nullable(),
      removed: z.array(z.string()).describe("Old versions that were deleted"),
      code: z.string().nullable().describe("Of the failure"),
      seconds: z.number(),
    }),
  ),
  seconds: z.number(),
});

export const retrainModels = defineRayTask({
  name: "tasks.ml_tasks.retrain_models",
  queue: "ml",
  description:
    "Trains every model again on its present data and promotes what is not worse; nothing is promoted without a comparison",
  input: RetrainingRequest,
  output: RetrainingReport,
  program: "retrain_models.py",
  resources,
  deadlines: { start: "15m", run: "12h" },
  retry: { attempts: 3, backoff: "1m" },
  schedule: {
    cron: "0 2 * * *",
    timeZone: "UTC",
    description: "Each night, all models",
    // A night that was missed by more than this is left to the next.
    missed: { within: "12h" },
    tags: ["scheduled"],
  },
});
