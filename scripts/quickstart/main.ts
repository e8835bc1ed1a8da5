/** The main job on real data, on one machine: starts the stack, runs five steps, and shows what came out. */
import { execFileSync } from "node:child_process";
import { createWriteStream, mkdirSync } from "node:fs";
import { join, relative } from "node:path";
import { createClient } from "#client";
import type { Tasks } from "#tasks";
import { createLocalStack, describeLogin, localFolders } from "../../src/bin/dev.ts";
import { describeError, LovageError } from "../../src/core/errors.ts";
import { onSignals } from "../../src/process/signals.ts";
import { runMainJob } from "./main-job.ts";

const once = process.argv.includes("--once");
const unknown = process.argv.slice(2).find((argument) => argument !== "--once");
if (unknown !== undefined) {
  process.stderr.write(
    `error: unknown argument ${unknown}; there is --once, which stops everything at the end\n`,
  );
  process.exit(2);
}

const print = (text: string) => process.stdout.write(`${text}\n`);
const log = join(".lovage", "quickstart.log");
mkdirSync(".lovage", { recursive: true });
const logStream = createWriteStream(log, { mode: 0o600 });
const stack = createLocalStack({}, (speaker, line) => {
  logStream.write(`${speaker} | ${line}\n`);
  if (speaker === "ray" || speaker === "redis" || speaker === "lovage") print(`  ${speaker}: ${line}`);
});
const interrupted = Promise.withResolvers<"interrupted">();
onSignals({
  stop: () => interrupted.resolve("interrupted"),
  kill: () => void stack.kill().finally(() => process.exit(130)),
});
const { datasetsDir: datasets, modelsDir: models } = localFolders();

async function main(): Promise<void> {
  print(`Starting Redis, Ray, three workers, a scheduler and a dashboard (their log: ${log})`);
  await stack.start();
  execFileSync(join(".venv", "bin", "python"), [
    join(import.meta.dirname, "real_data.py"),
    join(datasets, "quickstart"),
  ]);
  const client = createClient<Tasks>({ redis: stack.variables["REDIS_URL"] ?? "" });
  try {
    await runMainJob(client, datasets, process.stdout);
  } finally {
    await client.close();
  }
}

let exitCode = 0;
try {
  const failed = stack.failed.then((error) => Promise.reject(error));
  const ended = await Promise.race([main(), failed, interrupted.promise]);
  if (ended === "interrupted") exitCode = 130;
  else if (!once) {
    print(
      [
        "",
        "The stack stays up: three workers, a scheduler and a dashboard.",
        `  ${describeLogin(stack)}`,
        "Try, in another terminal of this folder:",
        "  npx lovage tasks",
        "  npx lovage enqueue tasks.simple_tasks.check_cluster_health --wait",
        "  npx lovage ray jobs",
        `Models lie in ${relative(process.cwd(), models)}, data in ${relative(process.cwd(), datasets)}. Ctrl-C stops everything.`,
      ].join("\n"),
    );
    await Promise.race([failed, interrupted.promise]);
  }
} catch (error) {
  process.stderr.write(`error ${describeError(error)}\n`);
  if (error instanceof LovageError && error.hint !== undefined) process.stderr.write(`hint: ${error.hint}\n`);
  exitCode = 1;
} finally {
  await stack.stop();
  logStream.end();
}
process.exit(exitCode);
