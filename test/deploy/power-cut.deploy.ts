import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { succeeds } from "./support/command.ts";
import { containers } from "./support/containers.ts";
import { script, services } from "./support/deployed.ts";
import { boot, powerCut } from "./support/lab.ts";
import { deployLedger } from "./support/ledger-release.ts";
import { startLoad } from "./support/load.ts";
import { type LabRay, startLabRay } from "./support/ray.ts";

let ray: LabRay;

beforeAll(async () => {
  ({ ray } = await deployLedger("power-cut"));
});
afterAll(() => ray?.stop());

test("after a power cut everything comes back by itself, and jobs go on", async () => {
  const load = await startLoad();
  await load.goesOn();
  await powerCut();
  await boot();
  await eventually(
    "all containers to be healthy again",
    async () => {
      const all = await containers();
      return services.every((service) => all[service]?.State.Health?.Status === "healthy");
    },
    180_000,
  );
  await load.goesOn();
  await load.balanceAfterDeath();
  ray = await startLabRay();
  expect((await succeeds(script("lovage.sh", ["smoke", "--json"]))).stdout).not.toContain('"failed"');
});
