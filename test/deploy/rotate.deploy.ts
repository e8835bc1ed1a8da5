import { afterAll, beforeAll, expect, test } from "vitest";
import { type CommandResult, succeeds } from "./support/command.ts";
import { containers } from "./support/containers.ts";
import {
  deploy,
  identities,
  killOperation,
  logIn,
  script,
  secretNames,
  secretOf,
  visitLoggedIn,
} from "./support/deployed.ts";
import { onLaptop, onServer, startOnLaptop } from "./support/lab.ts";
import { deployLedger } from "./support/ledger-release.ts";
import { startLoad } from "./support/load.ts";
import type { LabRay } from "./support/ray.ts";

let ray: LabRay;
let folder: string;

beforeAll(async () => {
  ({ ray, folder } = await deployLedger("rotate"));
});
afterAll(() => ray?.stop());

async function opens(user: string, password: string): Promise<boolean> {
  const args = ["-h", "10.0.0.84", "-p", "6380", "--user", user, "ping"];
  const { stdout } = await onLaptop("redis-cli", args, { env: { REDISCLI_AUTH: password } });
  return stdout.trim() === "PONG";
}

/** No secret, new or old, was shown. */
async function isQuiet(result: CommandResult, ...before: string[]): Promise<void> {
  const now = await Promise.all(secretNames.map((name) => secretOf(name)));
  for (const secret of [...now, ...before]) expect(result.stdout + result.stderr).not.toContain(secret);
}

test("the workers' password changes under load, also when the change is killed: no job is lost, none runs twice", async () => {
  const old = await secretOf("REDIS_WORKER_PASSWORD");
  const before = await containers();
  const load = await startLoad(1);
  const killed = startOnLaptop("./scripts/rotate.sh", ["worker"]);
  await killed.printed("made a new REDIS_WORKER_PASSWORD");
  await succeeds(onServer("sh", ["-c", killOperation]));
  expect((await killed.done).code).not.toBe(0);
  const made = await secretOf("REDIS_WORKER_PASSWORD");
  expect(made).not.toBe(old);
  // A deploy in between takes over what was begun, and ends no password.
  await succeeds(deploy([], folder));
  expect([await opens("worker", old), await opens("worker", made)]).toEqual([true, true]);
  await load.goesOn();

  const ended = await succeeds(script("rotate.sh", ["worker"]));
  expect(ended.stdout).toContain("going on from there");
  expect(ended.stdout).toContain("worker has a new password, and the old one is refused");
  await isQuiet(ended, old);
  expect(await secretOf("REDIS_WORKER_PASSWORD")).toBe(made);
  expect([await opens("worker", old), await opens("worker", made)]).toEqual([false, true]);
  await load.goesOn();
  await load.balance();
  const after = await containers();
  expect(after["redis"]?.State.StartedAt).toBe(before["redis"]?.State.StartedAt);
  expect(after["worker-ml"]?.Id).not.toBe(before["worker-ml"]?.Id);
});

test("the clients' old password is good until --finish, and no container is replaced for it", async () => {
  const old = await secretOf("REDIS_CLIENT_PASSWORD");
  const before = await identities();
  const load = await startLoad();
  const begun = await succeeds(script("rotate.sh", ["client"]));
  const made = await secretOf("REDIS_CLIENT_PASSWORD");
  await isQuiet(begun, old);
  expect(begun.stdout).toContain("./scripts/rotate.sh client --finish");
  // Who enqueues is named, so that all can be told.
  expect(begun.stdout).toMatch(/client from 10\.0\.0\.1: \d+ connections/);
  expect([await opens("client", old), await opens("client", made)]).toEqual([true, true]);
  expect((await script("status.sh")).stdout).toContain("the old one of client is still good");
  await load.goesOn();
  await load.balance();
  await succeeds(script("rotate.sh", ["client", "--finish"]));
  expect(await secretOf("REDIS_CLIENT_PASSWORD")).toBe(made);
  expect([await opens("client", old), await opens("client", made)]).toEqual([false, true]);
  expect(await identities()).toEqual(before);
  const anew = await startLoad();
  await anew.goesOn(30);
  await anew.balance();
});

test("the administrators' password changes twice, and the scripts are never shut out", async () => {
  const before = await identities();
  for (let n = 0; n < 2; n += 1) {
    const old = await secretOf("REDIS_PASSWORD");
    await isQuiet(await succeeds(script("rotate.sh", ["admin"])), old);
    const made = await secretOf("REDIS_PASSWORD");
    expect([await opens("admin", old), await opens("default", old)]).toEqual([false, false]);
    expect([await opens("admin", made), await opens("default", made)]).toEqual([true, true]);
  }
  expect((await script("status.sh")).stdout).toContain("append-only file on");
  await succeeds(script("backup.sh"));
  expect(await identities()).toEqual(before);
});

test("the dashboard's password changes, and whoever was logged in is not any more", async () => {
  const old = await secretOf("DASHBOARD_PASSWORD");
  await logIn(old);
  expect(await visitLoggedIn("/")).toBe("200");
  const rotated = await succeeds(script("rotate.sh", ["dashboard"]));
  await isQuiet(rotated, old);
  expect(await visitLoggedIn("/")).toMatch(/^30/);
  await logIn(old);
  expect(await visitLoggedIn("/")).toMatch(/^30/);
  await logIn(await secretOf("DASHBOARD_PASSWORD"));
  expect(await visitLoggedIn("/")).toBe("200");
});
