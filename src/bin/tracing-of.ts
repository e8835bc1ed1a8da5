import type { Config } from "../config/index.ts";
import type { Tracing } from "../observe/tracing.ts";
import { version } from "./version.ts";

/** The traces of a process; undefined without an endpoint, and then nothing of them is loaded either. */
export async function tracingOf(
  { endpoint, headers }: Config["tracing"],
  process: string,
  onError: (error: Error) => void,
): Promise<Tracing | undefined> {
  if (endpoint === undefined) return undefined;
  const { startTracing } = await import("../observe/tracing.ts");
  return startTracing({ endpoint, headers, service: `lovage-${process}`, version, onError });
}
