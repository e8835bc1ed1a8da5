import { isProcess, runCli } from "../cli/index.ts";
import { type Client, createClient } from "../client/index.ts";
import { type Config, environmentSources, loadConfig } from "../config/index.ts";
import type { TaskTypes } from "../task/catalogue.ts";
import { openClusterDoor } from "./cluster-door.ts";
import { tracingOf } from "./tracing-of.ts";
import { userName } from "./user-name.ts";
import { version } from "./version.ts";

/** Wires the command line to the world; resolves to the exit code. */
export async function main(argv: string[]): Promise<number> {
  const interrupted = new AbortController();
  const config = () => loadConfig(environmentSources(process.env, process.cwd()));
  // A reader that goes away (`lovage logs … | head`) is no fault.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  const waits = !isProcess(argv[0]);
  if (waits) {
    process.once("SIGINT", () => {
      interrupted.abort(new Error("interrupted"));
      // Commands that do not wait for a job have nothing to tidy up.
      setTimeout(() => process.exit(130), 1000).unref();
    });
  }
  let tracing: ReturnType<typeof tracingOf> | undefined;
  const exitCode = await runCli(argv, {
    version,
    stdin: process.stdin,
    onKey: process.stdin.isTTY ? onKey : undefined,
    stdout: process.stdout,
    stderr: process.stderr,
    signal: interrupted.signal,
    openClient() {
      const settings = config();
      // A collector that is away is no fault of the command's.
      tracing = tracingOf(settings.tracing, "cli", () => {});
      return openClient(settings, tracing);
    },
    openCluster: () => openClusterDoor(config()),
    openKeys: async () => (await import("./api-keys.ts")).openApiKeys(config()),
    tryOut: async () => (await import("./try-out.ts")).tryOut(config()),
    async openInstallation() {
      const [{ openInstallation }, { catalogue }] = await Promise.all([
        import("./installation.ts"),
        import("../../tasks/index.ts"),
      ]);
      return openInstallation(config(), catalogue);
    },
    user: userName,
    // Each process loads what it needs and nothing else.
    runWorker: async (options) => (await import("./worker.ts")).runWorker(config(), options),
    runScheduler: async (options) => (await import("./scheduler.ts")).runScheduler(config(), options),
    runDashboard: async (options) => (await import("./dashboard.ts")).runDashboard(config(), options),
    describeUser: async (user) => (await import("../dashboard/user-list.ts")).describeUser(user),
    runDev: async (options) => (await import("./dev.ts")).runDev(options),
  });
  await (await tracing)?.close();
  return exitCode;
}

/** Over the HTTP API where there is one, else over Redis. */
function openClient({ api, redis }: Config, tracing: ReturnType<typeof tracingOf>): Client<TaskTypes> {
  const { url, key, insecure, ca } = api;
  if (url === undefined || key === undefined)
    return createClient({ redis, telemetry: tracing.then((started) => started?.telemetry) });
  return createClient({ url, apiKey: key, insecure, ca });
}

/** A terminal gives whole lines unless it is told to give keys; Ctrl-C is then a key, too. */
function onKey(listener: (key: string) => void): () => void {
  const { stdin } = process;
  const take = (chunk: Buffer) => listener(chunk.toString());
  stdin.setRawMode(true);
  stdin.on("data", take);
  return () => {
    stdin.off("data", take);
    stdin.setRawMode(false);
    stdin.pause();
  };
}
