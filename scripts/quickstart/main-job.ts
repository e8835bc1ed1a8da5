import { readFileSync } from "node:fs";
import { join } from "node:path";
import Table from "cli-table3";
import type { Client, JobHandle } from "#client";
import type { Tasks } from "#tasks";
import type { Output } from "../../src/cli/doors.ts";
import { createProgressBar } from "../../src/cli/progress-bar.ts";
import { formatMilliseconds } from "../../src/core/durations.ts";

/** Ping, clean the data, search parameters, train with the best, predict rows that no step has seen; prints a table. */
export async function runMainJob(client: Client<Tasks>, datasets: string, output: Output): Promise<void> {
  const rows: [step: string, result: string, time: string][] = [];

  async function step<T>(name: string, job: JobHandle<T>, describe: (result: T) => string): Promise<T> {
    const begun = performance.now();
    const bar = createProgressBar(output, name.padEnd(22));
    const shown = (async () => {
      for await (const progress of job.progress()) bar.show(progress);
    })().catch(() => {});
    try {
      const result = await job.result({ timeout: "15m" });
      await shown;
      bar.show({ fraction: 1, message: "done" });
      rows.push([name, describe(result), formatMilliseconds(performance.now() - begun)]);
      return result;
    } finally {
      bar.stop();
    }
  }

  await step(
    "ping",
    await client.enqueue("tasks.simple_tasks.ping", {}),
    (pong) => `${pong.status} from ${pong.worker}`,
  );

  for (const file of ["breast_cancer", "new_patients"]) {
    const job = await client.enqueue("tasks.data_tasks.process_large_csv", {
      dataset: `quickstart/${file}.csv`,
      output: `quickstart/${file}.parquet`,
      filter: "mean_radius > 0 AND worst_area >= mean_area",
      derive: { growth: "worst_area / mean_area" },
    });
    await step(`clean ${file}`, job, (report) => `${report.rowsWritten} of ${report.rowsRead} rows kept`);
  }

  const dataset = "quickstart/breast_cancer.parquet";
  const target = "diagnosis";
  const search = await client.enqueue("tasks.ml_tasks.hyperparameter_search", {
    dataset,
    target,
    space: { max_depth: [2, 4], eta: [0.1, 0.3], subsample: [0.8, 1] },
    method: "grid",
    rounds: 80,
  });
  const best = await step("search parameters", search, (report) => {
    const params = Object.entries(report.bestParams).map(([name, value]) => `${name} ${value}`);
    return `best of ${report.trials}: ${params.join(", ")} (${report.metric} ${report.bestScore.toFixed(4)})`;
  });

  const training = await client.enqueue("tasks.ml_tasks.distributed_training", {
    dataset,
    target,
    model: "breast-cancer",
    params: best.bestParams,
    rounds: best.bestRounds,
  });
  const model = await step("train", training, (report) => {
    const accuracy = ((report.metrics["accuracy"] ?? 0) * 100).toFixed(1);
    return `${accuracy} % right on ${report.rows.validation} held-out rows`;
  });

  const predictions = "quickstart/predictions.csv";
  const predicting = await client.enqueue("tasks.ml_tasks.batch_predictions", {
    model: "breast-cancer",
    dataset: "quickstart/new_patients.parquet",
    output: predictions,
  });
  await step("predict new patients", predicting, (report) => {
    const right = share(join(datasets, predictions), target, "prediction");
    return `${(right * 100).toFixed(1)} % right on ${report.rows} rows no step has seen`;
  });

  const table = new Table({ head: ["step", "result", "time"], style: { head: [], border: [] } });
  table.push(...rows);
  output.write(`\n${table.toString()}\n\n`);
  output.write(`model        ${model.path}\n`);
  output.write(`all trials   ${best.trialsFile}\n`);
  output.write(`picture      ${best.pictureFile}\n`);
  output.write(`predictions  ${join(datasets, predictions)}\n`);
}

/** The share of rows in which two columns of a CSV without quotes are equal. */
function share(path: string, truth: string, prediction: string): number {
  const [header = "", ...lines] = readFileSync(path, "utf8").trim().split(/\r?\n/);
  const names = header.split(",").map((name) => name.replaceAll('"', ""));
  const [a, b] = [names.indexOf(truth), names.indexOf(prediction)];
  const equal = lines.filter((line) => {
    const fields = line.split(",").map((field) => field.replaceAll('"', ""));
    return fields[a] === fields[b];
  });
  return equal.length / lines.length;
}
