import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DevCommandOptions } from "../cli/index.ts";
import { environmentSources, variables } from "../config/index.ts";
import { describeError, LovageError } from "../core/errors.ts";
import { prefixedOutput } from "../dev/prefixed-output.ts";
import { createDevStack, type DevStack } from "../dev/stack.ts";
import { onSignals } from "../process/signals.ts";

/** Where a local stack keeps its state, in the present folder. */
export const stateFolder = ".lovage";

const workers = [
  { name: "ml", queues: ["ml"], variable: "ML_CONCURRENCY", concurrency: 2 },
  { name: "data", queues: ["data"], variable: "DATA_CONCURRENCY", concurrency: 4 },
  { name: "default", queues: ["default"], variable: "DEFAULT_CONCURRENCY", concurrency: 4 },
] as const;

/** The settings that a person gave; what an earlier stack left behind is none. */
function givenSettings(): Record<string, string | undefined> {
  const left = join(stateFolder, "dev.env");
  const sources = environmentSources(process.env, process.cwd()).filter((source) => source.name !== left);
  return Object.assign({}, ...sources.reverse().map((source) => source.variables));
}

/** The folders a local stack works in, as given or inside its own state. */
export function localFolders(): { datasetsDir: string; modelsDir: string } {
  const given = givenSettings();
  const inState = (name: string) => join(process.cwd(), stateFolder, name);
  return {
    datasetsDir: given["DATASETS_DIR"] || inState("datasets"),
    modelsDir: given["MODELS_DIR"] || inState("models"),
  };
}

/** Makes the stack of `lovage dev` in the present folder. */
export function createLocalStack(
  options: DevCommandOptions,
  onLine: (speaker: string, line: string) => void,
): DevStack {
  const given = givenSettings();
  // An option asks for the stack's own server, whatever the environment names.
  const redisUrl = options.redisPort === undefined ? given["REDIS_URL"] || undefined : undefined;
  const rayAddress = options.rayPort === undefined ? given["RAY_ADDRESS"] || undefined : undefined;
  const nodes = options.rayNodes ?? 1;
  return createDevStack({
    root: process.cwd(),
    stateDir: stateFolder,
    redisUrl,
    redisPort: options.redisPort ?? Number(given["REDIS_PORT"] || 6380),
    redisPassword: given["REDIS_PASSWORD"] || undefined,
    rayAddress,
    rayToken: given["RAY_AUTH_TOKEN"] || undefined,
    rayPort: options.rayPort,
    rayBasePort: options.rayBasePort,
    rayNodes: nodes,
    rayCpus: nodeCpus(options, given),
    dashboardPort: options.dashboardPort ?? Number(given["DASHBOARD_PORT"] || 5555),
    dashboardPassword: given["DASHBOARD_PASSWORD"] || undefined,
    ...localFolders(),
    processes: [
      ...workers.map(({ name, queues, variable, concurrency }) => ({
        name,
        args: workerArgs(name, queues, given[variable] || String(concurrency)),
      })),
      { name: "scheduler", args: ["scheduler"] },
      { name: "dashboard", args: ["dashboard"] },
    ].map(({ name, args }, index) => ({ name, args: [...args, ...healthArgs(given["HEALTH_PORT"], index)] })),
    command: [process.execPath, fileURLToPath(new URL("lovage.ts", import.meta.url))],
    env: { ...process.env, LOG_FORMAT: given["LOG_FORMAT"] || "pretty" },
    onLine,
  });
}

/** Of a cluster that has as many nodes as the one expected, its CPUs: what runs here then runs as it does there. */
function nodeCpus(
  { rayNodes: nodes = 1, rayCpus }: DevCommandOptions,
  given: Record<string, string | undefined>,
): number | number[] {
  if (rayCpus !== undefined) {
    const [first = 2] = rayCpus;
    if (rayCpus.length === 1) return first;
    if (rayCpus.length === nodes) return [...rayCpus];
    throw new LovageError("INPUT_INVALID", `--ray-cpus names ${rayCpus.length} nodes, --ray-nodes ${nodes}`, {
      field: "--ray-cpus",
      value: rayCpus.join(","),
      hint: "give one number for all nodes, or one for each",
    });
  }
  const expected = Number(given["RAY_EXPECTED_NODES"] || variables.RAY_EXPECTED_NODES.fallback);
  const cpus = Number(given["RAY_EXPECTED_CPUS"] || variables.RAY_EXPECTED_CPUS.fallback);
  if (nodes > 1 && nodes === expected && cpus >= nodes) {
    return Array.from({ length: nodes }, (_, index) => Math.floor((cpus + nodes - 1 - index) / nodes));
  }
  return Math.max(2, Math.floor(availableParallelism() / nodes));
}

function workerArgs(name: string, queues: readonly string[], concurrency: string): string[] {
  return ["worker", "--name", name, "--queues", queues.join(","), "--concurrency", concurrency];
}

/** One port cannot serve them all: each process has the next one. */
function healthArgs(first: string | undefined, index: number): string[] {
  return first ? ["--health-port", String(Number(first) + index)] : [];
}

/** Where the dashboard is and how to log in, for the person at the terminal; the password lies in the state folder. */
export function describeLogin({ variables }: DevStack): string {
  const { DASHBOARD_USER: user = "admin", DASHBOARD_TLS_CERT_FILE: certFile } = givenSettings();
  return `${certFile ? "https" : "http"}://127.0.0.1:${variables["DASHBOARD_PORT"]}  user ${user}, password ${variables["DASHBOARD_PASSWORD"]}`;
}

/** Runs everything on this machine until Ctrl-C; resolves to the exit code. */
export async function runDev(options: DevCommandOptions): Promise<number> {
  const names = ["lovage", "redis", "ray", ...workers.map(({ name }) => name), "scheduler", "dashboard"];
  const onLine = prefixedOutput(process.stdout, names, process.stdout.isTTY === true);
  const stack = createLocalStack(options, onLine);
  const told = Promise.withResolvers<number>();
  onSignals({
    stop() {
      onLine("lovage", "stopping; a second Ctrl-C stops at once");
      told.resolve(0);
    },
    kill() {
      void stack.kill().finally(() => process.exit(1));
    },
  });
  void stack.failed.then((error) => {
    onLine("lovage", describeError(error));
    told.resolve(1);
  });
  const started = stack.start().then(() => {
    onLine("lovage", `dashboard: ${describeLogin(stack)}`);
    onLine("lovage", "ready; in another terminal: npx lovage enqueue tasks.simple_tasks.ping --wait");
  });
  // A start that fails has ended what it began; a start that a signal cut short has nothing to tell.
  const exitCode = await Promise.race([told.promise, started.then(() => told.promise)]);
  await stack.stop();
  await started.catch(() => {});
  return exitCode;
}
