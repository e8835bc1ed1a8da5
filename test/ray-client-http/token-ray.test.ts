import { inspect } from "node:util";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import type { LocalRay } from "../../src/dev/ray.ts";
import { createRayClient, type RayClient } from "../../src/ray-client-http/index.ts";
import { startOwnRay } from "../support/own-ray.ts";
import { failure } from "./fixture.ts";

const token = "the-cluster-s-own-token";
let ray: LocalRay;
beforeAll(async () => {
  ray = await startOwnRay(token);
}, 90_000);
afterAll(() => ray?.stop(), 30_000);

function clientWith(given?: string): RayClient {
  const client = createRayClient({ address: ray.address, token: given });
  onTestFinished(() => client.close());
  return client;
}

it("is refused without the token and with a wrong one, everywhere", async () => {
  for (const [given, status] of [
    [undefined, 401],
    ["wrong-token-of-mine", 403],
  ] as const) {
    const client = clientWith(given);
    const calls = [
      client.version(),
      client.submit({ entrypoint: "true" }),
      client.list(),
      client.tail("one").next(),
      client.packages.exists("_ray_pkg_0a.zip"),
      client.nodes(),
      client.clusterStatus(),
    ];
    for (const error of await Promise.all(calls.map(failure))) {
      expect(error).toMatchObject({ code: "RAY_UNAUTHORIZED", status, retryable: false });
      expect(inspect(error, { depth: 10 })).not.toContain("wrong-token-of-mine");
    }
  }
});

it("does all of it with the token", { timeout: 90_000 }, async () => {
  const client = clientWith(token);
  expect(await client.version()).toMatchObject({ version: "4" });
  // Ray lists its nodes some seconds after it answers.
  await expect
    .poll(() => client.nodes(), { timeout: 20_000 })
    .toMatchObject([{ isHead: true, state: "ALIVE" }]);
  const pkg = await client.packages.zip(import.meta.dirname);
  expect(await client.packages.upload(pkg)).toMatchObject({ uri: pkg.uri });
  const { submissionId } = await client.submit({
    // Ray writes the line of the entrypoint once the program has begun: on a busy machine it came after its output (seen twice).
    entrypoint: "ls; sleep 2; echo done",
    runtimeEnv: { working_dir: pkg.uri },
  });
  let log = "";
  for await (const piece of client.tail(submissionId)) log += piece.text;
  expect(log).toContain("token-ray.test.ts\n");
  const job = await client.wait(submissionId);
  expect(job.status).toBe("SUCCEEDED");
  const nodeId = job.driverNodeId ?? "";
  // Ray's log agent may lag behind the status.
  await expect
    .poll(() => client.logTail(submissionId, { nodeId, lines: 1 }), { timeout: 30_000 })
    .toBe("done\n");
  expect(await client.delete(submissionId)).toEqual({ deleted: true });
});

it("shows what waits for resources the cluster lacks", { timeout: 60_000 }, async () => {
  const client = clientWith(token);
  const { submissionId } = await client.submit({
    entrypoint: "true",
    entrypointNumCpus: 50,
    entrypointResources: { my_special_thing: 2 },
  });
  await expect
    .poll(async () => (await client.clusterStatus()).pendingDemands, { timeout: 30_000 })
    .toEqual([{ resources: { CPU: 50, my_special_thing: 2 }, count: 1 }]);
  expect(await client.get(submissionId)).toMatchObject({ status: "PENDING", driverNodeId: null });
  expect(await client.logs(submissionId)).toBe("");
});
