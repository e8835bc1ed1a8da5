import type { Client, WorkerView } from "../../client/index.ts";
import type { TaskTypes } from "../../task/catalogue.ts";
import { type Check, count, type Finding, untilWell } from "./check.ts";
import type { Installation } from "./installation.ts";

export interface RegisteredOptions {
  client: Client<TaskTypes>;
  tasks: Installation["tasks"];
  /** Of this program: `0.1.0+3f0c6a525a7e`. */
  version: string;
  /** The release that every worker must be of. */
  release: string | undefined;
  /** Milliseconds that it may take until all is well. */
  patience: number;
}

/** All that is wrong, worker by worker. */
interface Faults {
  lacking: string[];
  silent: string[];
  strangers: string[];
  /** Queues without any worker, or without one of the release. */
  unserved: string[];
}

/** Every task of this release is known to the workers of its queue, and those are of this release. */
export function registeredCheck(options: RegisteredOptions): Check {
  return { name: "tasks", run: () => untilWell(() => look(options), options.patience) };
}

async function look({ client, tasks, version, release, patience }: RegisteredOptions): Promise<Finding> {
  const [known, { answers, silent }] = await Promise.all([
    client.inspect.workers(),
    client.inspect.registered({ timeout: Math.min(patience, 2000) }),
  ]);
  // One that stops takes no more jobs.
  const workers = known.filter(({ state }) => state === "alive" || state === "stuck");
  const wanted = release ?? releaseOf(version);
  const isOurs = (worker: WorkerView) => releaseOf(worker.version) === wanted;
  const strangers = workers.filter((worker) => !isOurs(worker));
  const faults: Faults = { lacking: [], silent: [], strangers: [], unserved: [] };
  for (const worker of strangers) {
    faults.strangers.push(`${worker.name} is of ${worker.version || "an unknown version"}`);
  }
  for (const queue of new Set(tasks.map((task) => task.queue))) {
    const serving = workers.filter(({ queues }) => queues.some(({ name }) => name === queue));
    const counted = release === undefined ? serving : serving.filter(isOurs);
    if (counted.length > 0) continue;
    const of = tasks.filter((task) => task.queue === queue).length;
    faults.unserved.push(
      `no live worker${serving.length === 0 ? "" : " of this release"} has the ${count(of, "task")} of ${queue}`,
    );
  }
  for (const { name, queues } of workers) {
    const answer = answers.find(({ worker }) => worker === name)?.answer;
    if (answer === undefined) {
      if (silent.includes(name)) faults.silent.push(`${name} did not answer`);
      continue;
    }
    const missing = tasks.filter(
      (task) =>
        queues.some((queue) => queue.name === task.queue) &&
        !answer.some((other) => other.name === task.name),
    );
    if (missing.length > 0)
      faults.lacking.push(`${name} lacks ${missing.map((task) => task.name).join(", ")}`);
  }
  return judge(faults, {
    all: `${count(tasks.length, "task")} with ${count(workers.length, "worker")}${wanted === undefined ? "" : ` of release ${wanted}`}`,
    strict: release !== undefined,
    expected: release ?? version,
  });
}

function judge(
  { lacking, silent, strangers, unserved }: Faults,
  { all, strict, expected }: { all: string; strict: boolean; expected: string },
): Finding {
  const faults = [...unserved, ...lacking, ...silent, ...(strict ? strangers : [])];
  const not = `, not of ${expected}`;
  if (faults.length > 0) {
    return {
      result: "failed",
      message: faults.map((fault) => (strangers.includes(fault) ? fault + not : fault)).join("; "),
      hint:
        unserved.length + lacking.length > 0
          ? "start the workers of the missing tasks, of this release"
          : "lovage inspect ping shows who answers; start the others again, of this release",
    };
  }
  if (strangers.length === 0) return { result: "ok", message: all };
  return {
    result: "warning",
    message: `${strangers.join("; ")}${not}`,
    hint: "they have every task; start them again to have one release everywhere",
  };
}

/** The build metadata of a version; undefined where it was not deployed. */
function releaseOf(version: string): string | undefined {
  return version.split("+")[1];
}
