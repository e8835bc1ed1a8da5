import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LocalRay, startRay } from "../../src/dev/ray.ts";
import { rayPorts } from "../../src/dev/ray-ports.ts";
import { freePortRange } from "./free-port.ts";

/** A one-node Ray of 2 CPUs for one test file; `stop` leaves nothing behind. */
export async function startOwnRay(token?: string): Promise<LocalRay> {
  const tempDir = await mkdtemp(join(tmpdir(), "ray-"));
  const ports = rayPorts(1, await freePortRange(20), null);
  // Whole suites at once leave little CPU to each.
  const ray = await startRay({ ports, tempDir, token, env: process.env, startDeadlineMs: 240_000 });
  return {
    ...ray,
    async stop() {
      await ray.stop();
      // Its last processes may still write a line to their logs.
      await rm(tempDir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
