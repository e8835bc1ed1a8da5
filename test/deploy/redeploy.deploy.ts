import { afterAll, beforeAll, expect, test } from "vitest";
import { copyOfCheckout } from "./support/checkout-copy.ts";
import { succeeds } from "./support/command.ts";
import { containers } from "./support/containers.ts";
import { deploy, identities, killOperation, releaseOf } from "./support/deployed.ts";
import { onServer } from "./support/lab.ts";
import { addLedger, edit, touchSource } from "./support/ledger.ts";
import { deployLedger } from "./support/ledger-release.ts";
import { startLoad } from "./support/load.ts";
import type { LabRay } from "./support/ray.ts";

let ray: LabRay;
let folder: string;

beforeAll(async () => {
  ({ ray, folder } = await deployLedger("redeploy"));
});
afterAll(() => ray?.stop());

const releases = async () =>
  Object.fromEntries(Object.entries(await containers()).map(([service, one]) => [service, releaseOf(one)]));

test("a changed release is deployed under load: no job is lost, none is run twice, Ray jobs are taken up again", async () => {
  const before = await containers();
  const load = await startLoad(2);
  await load.goesOn();
  await touchSource(folder, "changed under load");
  const { stdout } = await succeeds(deploy([], folder));
  expect(stdout).toContain("draining worker-ml worker-data worker-default");
  await load.goesOn();
  await load.balance();
  const after = await containers();
  expect(after["redis"]?.Id).toBe(before["redis"]?.Id);
  for (const service of ["worker-ml", "worker-data", "worker-default", "scheduler", "dashboard"])
    expect(releaseOf(after[service])).not.toBe(releaseOf(before[service]));
});

test("--only workers replaces the workers alone, and --rollback brings everything back", async () => {
  const before = await releases();
  await touchSource(folder, "for the workers alone");
  await succeeds(deploy(["--only", "workers"], folder));
  const between = await releases();
  expect(between["scheduler"]).toBe(before["scheduler"]);
  expect(between["worker-ml"]).not.toBe(before["worker-ml"]);
  const { stdout } = await succeeds(deploy(["--rollback"], folder));
  expect(stdout).toContain("is up again");
  expect(await releases()).toEqual(before);
});

test("a release that does not start is refused before anything that runs is touched", async () => {
  const before = await identities();
  const broken = await copyOfCheckout("broken-at-start", async (copy) => {
    await addLedger(copy);
    await edit(copy, "tasks/index.ts", (text) => text.replace("  ping,\n", "  ping,\n  missing,\n"));
  });
  const { code, stdout, stderr } = await deploy([], broken).done;
  expect(code).toBe(1);
  expect(stdout).toContain("missing is not defined");
  expect(stdout + stderr).toContain("nothing that runs was touched");
  expect(await identities()).toEqual(before);
});

test("a release that starts but does not work is rolled back by itself, under load", async () => {
  const before = await releases();
  const load = await startLoad();
  const broken = await copyOfCheckout("broken-at-work", async (copy) => {
    await addLedger(copy);
    // Starts, registers all tasks, and answers what its own schema forbids.
    await edit(copy, "tasks/simple_tasks.ts", (text) =>
      text.replace('status: "pong" as const', 'status: "wrong" as unknown as "pong"'),
    );
  });
  const { code, stdout, stderr } = await deploy([], broken).done;
  expect(code).toBe(1);
  expect(stdout).toMatch(/ping default +failed/);
  expect(stdout).toContain("rolling back to");
  expect(stdout + stderr).toContain(`did not work; ${before["worker-ml"]} runs again`);
  expect(await releases()).toEqual(before);
  await load.goesOn();
  await load.balance();
});

test("a deploy that is killed in the middle is mended by the next run", async () => {
  const load = await startLoad(1);
  await touchSource(folder, "killed in the middle");
  const first = deploy([], folder);
  await first.printed("draining");
  await succeeds(onServer("sh", ["-c", killOperation]));
  const cut = await first.done;
  expect(cut.code).not.toBe(0);
  expect(cut.stdout + cut.stderr).toContain("run the same command again");
  const { stdout } = await succeeds(deploy([], folder));
  expect(stdout).toContain("is up");
  expect(new Set(Object.values(await releases())).size).toBe(2);
  await load.goesOn();
  await load.balance();
});

test("a deploy goes on when the laptop's connection is lost, and a second one says so", async () => {
  await touchSource(folder, "connection lost");
  const first = deploy([], folder);
  await first.printed("trying the image out");
  first.signal("SIGKILL");
  await first.done;
  const second = await deploy([], folder).done;
  if (second.code !== 0) {
    expect(second.stdout + second.stderr).toContain("another operation is changing this host");
    // As the hint says: wait until it has ended.
    await succeeds(
      onServer("flock", ["/home/wizardsofts/lovage/deploy.lock", "true"], { timeoutMs: 180_000 }),
    );
  }
  const { stdout } = await succeeds(deploy([], folder));
  expect(stdout).toContain("all containers are as they should be");
});
