import { type LovageProcess, startLovage } from "../support/lovage-process.ts";

/** A worker's process that a fault may kill, freeze or stop. */
export interface ChaosWorker extends LovageProcess {
  /** SIGSTOP: it stands still, and does not know it. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
}

/** Starts what `lovage worker` starts, with the catalogue that the environment names; resolves when it is ready. */
export async function startWorker(environment: Record<string, string>): Promise<ChaosWorker> {
  const started = await startLovage([], environment, { script: "worker-process.ts" });
  return {
    ...started,
    freeze: () => void started.process.kill("SIGSTOP"),
    thaw: () => void started.process.kill("SIGCONT"),
  };
}
