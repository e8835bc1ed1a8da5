import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { type CommandResult, run, succeeds } from "./support/command.ts";
import { deploy, identities, killOperation, script, secretNames, secretOf } from "./support/deployed.ts";
import { boot, onLaptop, onServer, powerCut, startOnLaptop } from "./support/lab.ts";
import { readLedger } from "./support/ledger.ts";
import { deployLedger } from "./support/ledger-release.ts";
import { startLoad } from "./support/load.ts";
import type { LabRay } from "./support/ray.ts";

const backups = "/home/wizardsofts/lovage/backups";
const begun = Date.now().toString(36);
/** Before and after the backup, and at its moment. */
const jobs = {
  before: `before-${begun}`,
  onRay: `on-ray-${begun}`,
  inWorker: `in-worker-${begun}`,
  after: `after-${begun}`,
};
let ray: LabRay;
let folder: string;
let downloads: string;
let backup: string;
/** What was there before the restore. */
let undone: string;

beforeAll(async () => {
  downloads = await mkdtemp(join(tmpdir(), "lovage-backup-"));
  ({ ray, folder } = await deployLedger("backup"));
});
afterAll(async () => {
  await rm(downloads, { recursive: true, force: true });
  await ray?.stop();
});

const asUser = (line: string) => onLaptop("ssh", ["wizardsofts@10.0.0.84", line]);
const lovage = async (...args: string[]) => (await succeeds(script("lovage.sh", ["--", ...args]))).stdout;

async function enqueue(task: string, id: string, seconds: number): Promise<void> {
  await lovage("enqueue", `tasks.lab.${task}`, JSON.stringify({ name: id, seconds }), "--id", id);
}

async function isKnown(id: string): Promise<boolean> {
  const { code, stderr } = await script("lovage.sh", ["--", "status", id]);
  if (code !== 0) expect(stderr).toContain("JOB_NOT_FOUND");
  return code === 0;
}

async function volume(): Promise<string[]> {
  const { stdout } = await succeeds(onServer("docker", ["exec", "lovage-redis", "ls", "/data"]));
  return stdout.split("\n");
}

/** Kills the restore on the server the moment that its log says so; to be called before it is started. */
function killAt(text: string): Promise<CommandResult> {
  const wait = `touch /run/mark; logs() { find /home/wizardsofts/lovage/logs -name '*.log' -newer /run/mark; }
    until grep -qs '${text}' $(logs) /dev/null; do sleep 0.02; done; ${killOperation}`;
  return onServer("sh", ["-c", wait], { timeoutMs: 120_000 });
}

const ended = (id: string) =>
  eventually(`${id} to end`, async () => ((await readLedger())[id]?.ended ?? 0) > 0, 90_000);

test("a backup is made under load, whole and for its owner alone; a Ray job runs at that moment", async () => {
  await enqueue("ledger", jobs.before, 0);
  await ended(jobs.before);
  await enqueue("ray_ledger", jobs.onRay, 12);
  await enqueue("ledger", jobs.inWorker, 45);
  const load = await startLoad();
  await eventually("the Ray job to run", async () => (await readLedger())[jobs.onRay]?.begun === 1, 90_000);
  const { stdout, stderr } = await succeeds(script("backup.sh", ["--download", downloads]));
  expect((await readLedger())[jobs.inWorker]).toEqual({ begun: 1, ended: 0 });
  await load.goesOn();
  await load.balance();
  backup = /backup (lovage-\d{8}T\d{6}Z\.rdb\.gz): \d+ keys, .+, packed .+, in \d+ s/.exec(stdout)?.[1] ?? "";
  expect(backup, stdout).not.toBe("");
  for (const name of secretNames) expect(stdout + stderr).not.toContain(await secretOf(name));

  expect((await readdir(downloads)).sort()).toEqual([backup, `${backup}.sha256`]);
  expect(((await stat(join(downloads, backup))).mode & 0o777).toString(8)).toBe("600");
  await succeeds(run("sha256sum", ["--check", `${backup}.sha256`], { cwd: downloads }));
  const modes = await succeeds(onServer("sh", ["-c", `stat -c '%a %U' ${backups} ${backups}/lovage-*`]));
  expect(new Set(modes.stdout.trim().split("\n"))).toEqual(new Set(["700 wizardsofts", "600 wizardsofts"]));
  expect(await volume()).not.toContain("backup.rdb");
  await Promise.all([ended(jobs.onRay), ended(jobs.inWorker)]);
});

test("cron's backup says nothing, keeps the newest, and clears away what was cut short", async () => {
  await succeeds(
    asUser(`touch ${backups}/.lovage-x.rdb.gz.part ${backups}/lovage-20200101T000000Z.rdb.gz.sha256`),
  );
  const cron = `cd / && env -i HOME=$HOME PATH=/usr/bin:/bin sh -c 'bash $HOME/lovage/deploy/server/backup.sh --keep 2'`;
  for (let n = 0; n < 3; n += 1)
    expect(await succeeds(asUser(cron))).toMatchObject({ stdout: "", stderr: "" });
  const { stdout } = await succeeds(onServer("ls", ["-A", backups]));
  const names = stdout.split("\n").filter((name) => name.startsWith("lovage-") || name.includes(".part"));
  expect(names.length).toBe(4);
  await succeeds(asUser(`cd ${backups} && sha256sum --strict --check lovage-*.sha256`));
  expect(names).not.toContain(backup);
});

test("a damaged backup is refused before anything is touched", async () => {
  const before = await identities();
  const damaged = join(downloads, "damaged.rdb.gz");
  // Whole to gzip and to its checksum: only Redis' own check can tell.
  const damage = `gzip -dc ${backup} | { head -c 200; head -c 20 /dev/zero; } | gzip >damaged.rdb.gz`;
  await succeeds(run("sh", ["-c", damage], { cwd: downloads }));
  const broken = await script("restore.sh", [damaged, "--yes"]);
  expect(broken.code).toBe(1);
  expect(broken.stdout + broken.stderr).toContain("redis-check-rdb finds the backup broken");
  expect(broken.stdout + broken.stderr).toContain("nothing was changed");
  await succeeds(asUser(`echo >>${backups}/damaged.rdb.gz`));
  const changed = await script("restore.sh", ["damaged.rdb.gz", "--yes"]);
  expect(changed.code).toBe(1);
  expect(changed.stdout + changed.stderr).toContain("is not what its checksum was made of");
  await succeeds(asUser(`rm ${backups}/damaged.rdb.gz*`));
  const asked = await script("restore.sh", ["latest"]);
  expect(asked.code).toBe(1);
  expect(asked.stdout).toContain("Redis on server84 would hold again what is in lovage-");
  expect(await identities()).toEqual(before);
});

test("a restore brings back what was, and a Ray job that ran at the backup is found, not run again", async () => {
  await enqueue("ledger", jobs.after, 0);
  await ended(jobs.after);
  const { stdout } = await succeeds(script("restore.sh", [join(downloads, backup), "--yes"]));
  expect(stdout).toMatch(/Redis has them: \d+ keys/);
  expect(stdout).toContain(`${backup} is restored`);
  undone = /restore\.sh (before-restore-\S+)/.exec(stdout)?.[1] ?? "";
  expect(await isKnown(jobs.before)).toBe(true);
  expect(await isKnown(jobs.after)).toBe(false);
  expect(await lovage("result", jobs.onRay, "--timeout", "90s")).toContain("{}");
  expect((await readLedger())[jobs.onRay]).toEqual({ begun: 1, ended: 1 });
  // What ran in a worker has nothing to be found by: it runs again.
  await eventually(
    "the worker's job to run again",
    async () => (await readLedger())[jobs.inWorker]?.begun === 2,
    90_000,
  );
  const { stdout: rayJobs } = await succeeds(onLaptop("curl", ["-sf", `${ray.address}/api/jobs/`]));
  const programs = (JSON.parse(rayJobs) as { submission_id: string | null }[]).filter((rayJob) =>
    rayJob.submission_id?.includes(jobs.onRay),
  );
  expect(programs.length).toBe(1);
});

test("a restore that is killed is mended by a deploy; one whose server loses power, too; and a restore can be undone", async () => {
  const undo = () => startOnLaptop("./scripts/restore.sh", [undone, "--yes"]);
  // Before the new files count, those that are there do.
  const killer = killAt("stopping redis");
  const killed = undo();
  await succeeds(killer);
  expect((await killed.done).code).not.toBe(0);
  await succeeds(deploy([], folder));
  expect(await isKnown(jobs.after)).toBe(false);
  expect(await isKnown(jobs.before)).toBe(true);
  // From then on, whoever starts Redis takes them over: here the boot or the deploy.
  const cut = undo();
  await cut.printed("starting redis");
  await powerCut();
  await cut.done;
  await boot();
  await succeeds(deploy([], folder));
  expect(await isKnown(jobs.after)).toBe(true);
  expect(await volume()).not.toContain("restore");
});
