import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { startValkey } from "../../src/dev/valkey.ts";
import { freePort } from "./free-port.ts";
import { startOwnCluster } from "./own-cluster.ts";
import { startOwnRay } from "./own-ray.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** A real Valkey for the whole run; each test has a prefix of its own. */
    redisUrl: string;
    /** A real Ray head of 2 CPUs for the whole run. */
    rayAddress: string;
    /** A real cluster of three masters for the whole run. */
    redisCluster: { host: string; port: number }[];
  }
}

/**
 * One Valkey and one Ray for the whole run: starting a Ray costs ten seconds. Who runs single files again and again
 * names a Ray that runs already in LOVAGE_TEST_RAY_ADDRESS; who tries another Redis names its program in
 * LOVAGE_TEST_REDIS_SERVER.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dir = await mkdtemp(join(tmpdir(), "lovage-valkey-"));
  const [redis, ray, cluster] = await Promise.all([
    freePort().then((port) =>
      startValkey({ port, dir, path: process.env["PATH"], server: process.env["LOVAGE_TEST_REDIS_SERVER"] }),
    ),
    runningRay(process.env["LOVAGE_TEST_RAY_ADDRESS"]) ?? startOwnRay(),
    startOwnCluster(),
  ]);
  project.provide("redisUrl", redis.url);
  project.provide("rayAddress", ray.address);
  project.provide("redisCluster", cluster.addresses);
  return async () => {
    await Promise.all([redis.stop(), ray.stop(), cluster.remove()]);
    await rm(dir, { recursive: true, force: true });
  };
}

function runningRay(address: string | undefined) {
  return address === undefined ? undefined : { address, stop: async () => {} };
}
