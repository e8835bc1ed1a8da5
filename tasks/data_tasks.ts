import * as z from "zod";
import { defineRayTask } from "#task";
import { NodesUsed } from "./nodes_used.ts";

const ColumnType = z.enum(["text", "integer", "number", "boolean", "date", "timestamp"]);

const delimiter = z
  .string()
  .regex(/^[\t -!#-~]$/)
  .default(",")
  .describe("Between the fields of the CSV");
const nullValues = z
  .array(z.string())
  .default([""])
  .describe("Unquoted texts that mean: no value; columns of numbers also take NaN for none");
const types = z
  .record(z.string(), ColumnType)
  .default({})
  .describe(
    "Types of columns, by which rows are rejected that do not fit; default: the narrowest that all values fit",
  );
const output = z.string().describe("File that is written, in the datasets folder; ends in .parquet or .csv");
// The programs wait for their workers most of the time; a whole CPU would be one that those lack.
const resources = { cpus: 0.1 };

const Columns = z.array(z.strictObject({ name: z.string(), type: z.string() }));

/** What to do with the rows of a CSV. Expressions are SQL over the columns of one row, checked before any work. */
export const LargeCsvRequest = z.strictObject({
  dataset: z
    .string()
    .describe("CSV: a file, folder or glob in the datasets folder, or a URI of an allowed scheme"),
  output,
  filter: z
    .string()
    .nullable()
    .default(null)
    .describe("SQL condition such as price > 10; other rows are left out. It may use derived columns"),
  derive: z
    .record(z.string(), z.string())
    .default({})
    .describe("Columns to add or replace: name to SQL expression; each may use those before it"),
  select: z
    .array(z.string())
    .nullable()
    .default(null)
    .describe("Columns to write, in this order; default: all"),
  types,
  delimiter,
  nullValues,
  rejects: z
    .string()
    .nullable()
    .default(null)
    .describe("CSV of the rows that cannot be used, with line and reason; default: <output>.rejects.csv"),
  maxRejects: z
    .int()
    .min(0)
    .nullable()
    .default(null)
    .describe("More rejected rows than this fail the job; default: only if all are rejected"),
});

/**
 * `rowsRead` is the sum of the rows written, filtered and rejected. `rejects` is null when there are none. `columns` are
 * cut where they would make the result too large; `report` then names the JSON file beside the output that has them
 * all, and is null otherwise.
 */
export const LargeCsvReport = z.strictObject({
  output: z.string(),
  format: z.enum(["csv", "parquet"]),
  rowsRead: z.int(),
  rowsWritten: z.int(),
  rowsFiltered: z.int(),
  rowsRejected: z.int(),
  rejects: z.string().nullable(),
  firstRejects: z.array(
    z.strictObject({
      file: z.string(),
      line: z.int(),
      column: z.string().nullable(),
      reason: z.string(),
      text: z.string(),
    }),
  ),
  columns: Columns,
  bytesRead: z.int(),
  seconds: z.number(),
  nodes: NodesUsed.optional(),
  report: z.string().nullable(),
});

/** Streams by Ray Data, in constant memory; rows keep their order. */
export const processLargeCsv = defineRayTask({
  name: "tasks.data_tasks.process_large_csv",
  queue: "data",
  description: "Filters, derives and selects in a CSV of any size",
  input: LargeCsvRequest,
  output: LargeCsvReport,
  program: "process_large_csv.py",
  resources,
  deadlines: { start: "15m", run: "6h" },
  retry: { attempts: 3, backoff: "30s" },
});

const Quantile = z.number().min(0).max(1);

const Aggregation = z.strictObject({
  function: z.enum(["sum", "mean", "min", "max", "count", "std", "quantile"]),
  column: z
    .string()
    .nullable()
    .default(null)
    .describe("Needed by all but count, which without it counts rows; with it, values"),
  q: z
    .union([Quantile, z.array(Quantile).min(1).max(100)])
    .nullable()
    .default(null)
    .describe("For quantile: one or several, from 0 to 1, exact and interpolated"),
  as: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe("Name of the result's column; default: such as price_mean, price_p95"),
});

/** What to group and aggregate. Sources are put together by the names of their columns; what one lacks is null. */
export const AggregationRequest = z.strictObject({
  sources: z
    .array(z.string())
    .min(1)
    .max(1000)
    .describe("CSV or Parquet: files, folders or globs in the datasets folder, or URIs of an allowed scheme"),
  output,
  aggregations: z.array(Aggregation).min(1).max(200).describe("What is computed of each group"),
  groupBy: z.array(z.string()).default([]).describe("Columns that make a group; default: all rows are one"),
  types,
  delimiter,
  nullValues,
  maxRejects: z.int().min(0).default(0).describe("More CSV rows that cannot be used than this fail the job"),
});

/**
 * `preview` has the first rows of the output, which is sorted by its keys. `columns`, `sources` and `preview` are
 * cut where they would make the result too large; `report` then names the JSON file beside the output that has
 * them whole, and is null otherwise.
 */
export const AggregationReport = z.strictObject({
  output: z.string(),
  format: z.enum(["csv", "parquet"]),
  groups: z.int(),
  columns: Columns,
  rowsRead: z.int(),
  rowsRejected: z.int(),
  sources: z.array(
    z.strictObject({ source: z.string(), files: z.int(), rowsRead: z.int(), rowsRejected: z.int() }),
  ),
  preview: z.array(z.record(z.string(), z.unknown())),
  report: z.string().nullable(),
  seconds: z.number(),
});

/** Exact, quantiles included; nulls are treated as SQL does, and NaN is one. */
export const aggregateData = defineRayTask({
  name: "tasks.data_tasks.aggregate_data",
  queue: "data",
  description: "Groups and aggregates over several sources with unlike columns",
  input: AggregationRequest,
  output: AggregationReport,
  program: "aggregate_data.py",
  resources,
  deadlines: { start: "15m", run: "6h" },
  retry: { attempts: 3, backoff: "30s" },
});

/** All of it has defaults: `{}` takes what lies in the datasets folder's `new/`. */
export const NewDataRequest = z.strictObject({
  settleSeconds: z
    .number()
    .min(0)
    .max(3600)
    .default(10)
    .describe("A file is left alone until it has not changed for so many seconds"),
  maxFiles: z.int().min(1).max(100_000).default(1000).describe("Files taken in one job"),
  types,
  delimiter,
  nullValues,
  maxRejects: z
    .int()
    .min(0)
    .nullable()
    .default(null)
    .describe("More rejected rows than this fail a file; default: only if all are"),
});

/** What became of the new files. Each list names at most 200, fewer of long names; the counts are of all. */
export const NewDataReport = z.strictObject({
  busy: z.boolean().describe("Another job was at work in the folder; this one took nothing"),
  counts: z.strictObject({
    processed: z.int(),
    failed: z.int(),
    duplicates: z.int(),
    waiting: z.int(),
    ignored: z.int(),
    rowsWritten: z.int(),
    rowsRejected: z.int(),
  }),
  processed: z.array(
    z.strictObject({
      name: z.string(),
      file: z.string(),
      parquet: z.string(),
      sha256: z.string(),
      rowsRead: z.int(),
      rowsWritten: z.int(),
      rowsRejected: z.int(),
    }),
  ),
  failed: z.array(
    z.strictObject({ name: z.string(), file: z.string(), code: z.string(), message: z.string() }),
  ),
  duplicates: z.array(
    z.strictObject({
      name: z.string(),
      file: z.string(),
      sameContentAs: z.string(),
      processedAt: z.string(),
      parquet: z.string(),
    }),
  ),
  waiting: z.array(z.string()),
  ignored: z.array(z.string()),
  report: z
    .string()
    .nullable()
    .describe(
      "The file in the datasets folder that names all files taken, one line of JSON each; null when none was",
    ),
});

/** Hourly; see `tasks/ray_jobs/inbox.py` for the folders. */
export const processNewData = defineRayTask({
  name: "tasks.data_tasks.process_new_data",
  queue: "data",
  description: "Takes each new CSV in the datasets folder's new/ exactly once",
  input: NewDataRequest,
  output: NewDataReport,
  program: "process_new_data.py",
  resources,
  deadlines: { start: "15m", run: "6h" },
  retry: { attempts: 3, backoff: "30s" },
  schedule: { every: "1h", description: "What has come in since the last hour", tags: ["scheduled"] },
});
