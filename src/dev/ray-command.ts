import { dirname, delimiter as pathDelimiter } from "node:path";
import type { RayNodePorts, RayPorts } from "./ray-ports.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface RayNodeLaunch {
  ports: RayPorts;
  node: RayNodePorts;
  head: boolean;
  cpus: number;
  tempDir: string;
  objectStoreBytes: number;
}

/** Arguments for Python that start one node and stay with it until it ends. */
export function rayStartArguments({
  ports,
  node,
  head,
  cpus,
  tempDir,
  objectStoreBytes,
}: RayNodeLaunch): string[] {
  // Every fixed port is given: two clusters on one machine would otherwise meet on Ray's defaults.
  const flags: Record<string, string | number> = {
    "--num-cpus": cpus,
    "--object-store-memory": objectStoreBytes,
    "--temp-dir": tempDir,
    "--node-manager-port": node.nodeManager,
    "--object-manager-port": node.objectManager,
    "--dashboard-agent-listen-port": node.agentHttp,
    "--dashboard-agent-grpc-port": node.agentGrpc,
    "--runtime-env-agent-port": node.runtimeEnvAgent,
    "--metrics-export-port": node.metrics,
    "--log-style": "record",
    ...(head
      ? {
          "--port": ports.gcs,
          "--ray-client-server-port": ports.client,
          "--dashboard-host": "127.0.0.1",
          "--dashboard-port": ports.dashboard,
        }
      : { "--address": `127.0.0.1:${ports.gcs}` }),
  };
  // As a module, because the `ray` script's first line breaks when the project's path is very long.
  return [
    ...["-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"],
    ...(head ? ["--head"] : []),
    ...Object.entries(flags).flatMap(([flag, value]) => [flag, String(value)]),
  ];
}

/**
 * The environment of the nodes, and so of the programs on them: the given one without Redis' and Lovage's own settings
 * (programs get none of the secrets) and without what would tie this cluster to another.
 */
export function rayEnvironment(
  inherited: Environment,
  python: string,
  token: string | undefined,
): Environment {
  const kept = Object.entries(inherited).filter(
    ([name]) => !/^(REDIS_|LOVAGE_|RAY_ADDRESS$|RAY_AUTH_|RAY_JOB_)/.test(name),
  );
  const bin = dirname(python);
  return {
    ...Object.fromEntries(kept),
    // A Ray job's entrypoint is `python program.py`: the first python on the PATH has to be the one with Ray.
    PATH: [bin, inherited["PATH"] ?? "/usr/bin:/bin"].join(pathDelimiter),
    VIRTUAL_ENV: dirname(bin),
    PYTHONUNBUFFERED: "1",
    RAY_DATA_DISABLE_PROGRESS_BARS: "1",
    RAY_USAGE_STATS_ENABLED: "0",
    // Said explicitly: Ray switches it on by itself when it finds a token in the home folder.
    RAY_AUTH_MODE: token === undefined ? "disabled" : "token",
    ...(token === undefined ? {} : { RAY_AUTH_TOKEN: token }),
    // Nothing moves to another node when a development cluster ends, so there is nothing to drain.
    RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S: "0",
    // Ray refuses several nodes on macOS without it.
    RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER: "1",
  };
}
