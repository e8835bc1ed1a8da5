import type { Config } from "../config/index.ts";
import type { Monitoring } from "./monitoring.ts";
import { version } from "./version.ts";

/**
 * The monitoring of a process, on the port that its command line or the configuration names; undefined without one, and
 * then nothing of it is loaded either.
 * @throws LovageError `PORT_TAKEN`
 */
export async function monitoringOf(
  { host, port: configured }: Config["health"],
  asked: number | undefined,
  process: string,
): Promise<Monitoring | undefined> {
  const port = asked ?? configured;
  if (port === undefined) return undefined;
  const { openMonitoring } = await import("./monitoring.ts");
  return openMonitoring({ process, version, health: { host, port } });
}
