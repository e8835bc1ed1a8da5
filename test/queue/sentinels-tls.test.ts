import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createClient } from "#client";
import { openBroker } from "../../src/queue/broker.ts";
import { testCatalogue, testPrograms } from "../support/catalogue.ts";
import { makeAuthority, makeCertificate } from "../support/certificate.ts";
import { type LovageProcess, startLovage } from "../support/lovage-process.ts";
import { type OwnSentinel, startOwnSentinel } from "../support/own-sentinel.ts";
import { eventually } from "../support/world.ts";

let redis: OwnSentinel;
let folder: string;
const programs = testPrograms();
let worker: LovageProcess | undefined;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "lovage-sentinels-tls-"));
  redis = await startOwnSentinel({ tls: makeCertificate() });
});
afterAll(async () => {
  await worker?.kill();
  await redis?.remove();
  for (const made of [folder, programs]) rmSync(made, { recursive: true, force: true });
});

test.each([
  ["no authority", { ca: undefined }, "name the certificate of the authority"],
  ["another authority", { ca: makeAuthority().ca }, "REDIS_CA_FILE did not sign"],
  ["no TLS", { tls: false, ca: undefined }, "check that the sentinels run, and REDIS_SENTINELS"],
])("with %s the sentinels tell nothing, and what to do is said", async (_what, other, words) => {
  const opening = openBroker({ redis: { ...redis.settings, ...other }, connectDeadline: 3000 });
  await expect(opening).rejects.toMatchObject({
    code: "REDIS_UNAVAILABLE",
    hint: expect.stringContaining(words),
  });
});

test("the sentinels lead a client and a worker to the master, and to the next one when it dies", async () => {
  worker = await startLovage(
    [],
    {
      ...redis.variables,
      // Nobody listens there: no Ray is needed.
      RAY_ADDRESS: "http://127.0.0.1:9",
      DATASETS_DIR: folder,
      MODELS_DIR: folder,
      WORKER_LOCK_DURATION: "3s",
      LOVAGE_TEST_PROGRAMS: programs,
    },
    { script: "worker-process.ts" },
  );
  const client = createClient({ redis: redis.settings, catalogue: testCatalogue, timeout: "30s" });
  const before = await client.enqueue("test.echo", { text: "before" });
  expect(await before.result({ timeout: "20s" })).toMatchObject({ text: "before" });
  await redis.replicated();

  const first = await redis.master();
  await first.kill();
  await eventually("another one is the master", async () => (await redis.master()).port !== first.port);
  const after = await client.enqueue("test.echo", { text: "after" });
  expect(await after.result({ timeout: "30s" })).toMatchObject({ text: "after" });
  expect(await before.snapshot()).toMatchObject({ state: "completed" });
  await client.close();
});
