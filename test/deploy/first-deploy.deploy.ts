import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { succeeds } from "./support/command.ts";
import { containers } from "./support/containers.ts";
import {
  deploy,
  identities,
  logIn,
  script,
  secretNames,
  secretOf,
  services,
  setOnServer,
  visit,
  visitLoggedIn,
} from "./support/deployed.ts";
import { newDisk, onLaptop, onServer } from "./support/lab.ts";
import { type LabRay, startLabRay } from "./support/ray.ts";

let ray: LabRay;
beforeAll(async () => {
  await newDisk();
  ray = await startLabRay();
});
afterAll(() => ray?.stop());

const redisCli = (args: string[], env: Record<string, string> = {}) =>
  onLaptop("redis-cli", ["-h", "10.0.0.84", "-p", "6380", ...args], { env });

test("every fault of a server is told at once, with what to do, and nothing is changed", async () => {
  await setOnServer("RAY_ADDRESS", "http://10.0.0.84:1");
  await setOnServer("DASHBOARD_PASSWORD", "short");
  await succeeds(onServer("sh", ["-c", "chmod 644 /home/wizardsofts/lovage/.env"]));
  await succeeds(
    onServer("docker", [
      "run",
      "-d",
      "--rm",
      "--name",
      "squatter",
      "--network",
      "host",
      "redis:7-alpine",
      "redis-server",
      "--port",
      "6380",
    ]),
  );
  const { code, stdout } = await deploy(["--require-ray"], undefined, {
    env: { LOVAGE_MIN_DISK_MB: "99999999" },
  }).done;
  expect(code).toBe(1);
  for (const fault of [
    "port 6380, which redis needs, is taken by another program",
    "has mode 644",
    "DASHBOARD_PASSWORD in /home/wizardsofts/lovage/.env is shorter",
    "Ray does not answer at http://10.0.0.84:1",
    "MB are free at",
  ])
    expect(stdout).toContain(fault);
  expect(stdout).toMatch(/\d faults; nothing was changed/);
  expect(await containers()).toEqual({});
  await succeeds(onServer("docker", ["stop", "squatter"]));
  await succeeds(onServer("sh", ["-c", "rm -r /home/wizardsofts/lovage"]));
});

test("the first deploy brings six containers up, each as it was promised", async () => {
  await setOnServer("RAY_ADDRESS", ray.address);
  await setOnServer("RAY_EXPECTED_NODES", "1");
  await setOnServer("RAY_EXPECTED_CPUS", "2");
  const plan = await succeeds(deploy(["--dry-run"]));
  expect(plan.stdout).toContain("worker-ml: would be made");
  expect(await containers()).toEqual({});

  const { stdout, stderr } = await succeeds(deploy(["--require-ray"]));
  expect(stdout).toContain("11 tasks with 3 workers");
  const all = await containers();
  expect(Object.keys(all).sort()).toEqual(services);
  for (const [service, container] of Object.entries(all)) {
    expect(container.Name).toBe(`/lovage-${service}`);
    expect(container.HostConfig.NetworkMode).toBe("host");
    expect(container.HostConfig.RestartPolicy.Name).toBe("unless-stopped");
    expect(container.HostConfig.ReadonlyRootfs).toBe(true);
    expect(container.HostConfig.LogConfig.Config).toEqual({ "max-size": "20m", "max-file": "5" });
    if (service !== "redis") expect(container.Config.User).toMatch(/^\d{4,}:\d{4,}$/);
  }
  const gigabytes = (service: string) => (all[service]?.HostConfig.Memory ?? 0) / 2 ** 30;
  expect(["redis", "worker-ml", "worker-data", "worker-default"].map(gigabytes)).toEqual([2, 8, 4, 2]);
  expect(all["redis"]?.HostConfig.SecurityOpt ?? []).not.toContain("no-new-privileges:true");
  expect(all["worker-ml"]?.Mounts.map(({ Source, Destination }) => `${Source}:${Destination}`)).toEqual(
    expect.arrayContaining([
      "/home/wizardsofts/ml-datasets:/datasets",
      "/home/wizardsofts/ml-models:/models",
    ]),
  );
  await eventually(
    "all six to be healthy",
    async () => Object.values(await containers()).every(({ State }) => State.Health?.Status === "healthy"),
    60_000,
  );

  // Secrets stay where they were made.
  const mode = await succeeds(onServer("stat", ["-c", "%a %U", "/home/wizardsofts/lovage/.env"]));
  expect(mode.stdout.trim()).toBe("600 wizardsofts");
  const seen = [stdout, stderr, JSON.stringify(all["redis"])].join("\n");
  for (const name of secretNames) expect(seen).not.toContain(await secretOf(name));
  const processes = await succeeds(onServer("ps", ["-eww", "-o", "args"]));
  for (const name of secretNames) expect(processes.stdout).not.toContain(await secretOf(name));
});

test("a second run without changes changes nothing", async () => {
  const before = await identities();
  const plan = await succeeds(deploy(["--dry-run"]));
  expect(plan.stdout).toContain("Nothing would change.");
  const { stdout } = await succeeds(deploy());
  expect(stdout).toContain("all containers are as they should be");
  expect(await identities()).toEqual(before);
});

test("Redis refuses whoever has no password, and lets each of its users do no more than theirs", async () => {
  expect((await redisCli(["ping"])).stdout).toContain("NOAUTH");
  expect((await redisCli(["ping"], { REDISCLI_AUTH: "guessed" })).stdout).toContain("NOAUTH");
  const admin = { REDISCLI_AUTH: await secretOf("REDIS_PASSWORD") };
  expect((await redisCli(["config", "get", "maxmemory-policy"], admin)).stdout).toContain("noeviction");
  expect((await redisCli(["config", "get", "appendonly"], admin)).stdout).toContain("yes");
  const client = { REDISCLI_AUTH: await secretOf("REDIS_CLIENT_PASSWORD") };
  const worker = { REDISCLI_AUTH: await secretOf("REDIS_WORKER_PASSWORD") };
  for (const command of [["flushall"], ["config", "set", "maxmemory", "1"], ["acl", "list"], ["shutdown"]]) {
    expect((await redisCli(["--user", "client", ...command], client)).stdout).toContain("NOPERM");
    expect((await redisCli(["--user", "worker", ...command], worker)).stdout).toContain("NOPERM");
  }
});

test("the dashboard lets in from the laptop who knows the password, and nobody else", async () => {
  expect(await visit("/")).toMatch(/^30\d http:\/\/10\.0\.0\.84:5555\/login/);
  expect(await visit("/api/v1/queues")).toBe("401");
  await logIn("wrong password");
  expect(await visitLoggedIn("/")).toMatch(/^30/);
  await logIn(await secretOf("DASHBOARD_PASSWORD"));
  expect(await visitLoggedIn("/")).toBe("200");
});

test("a Ray job is run for the deployed ml worker, and its result comes back", async () => {
  await succeeds(
    onServer("sh", [
      "-c",
      'seq 1 2000 | awk \'BEGIN { print "x,y" } { print $1 "," $1 % 2 }\' >/home/wizardsofts/ml-datasets/small.csv && chown wizardsofts: /home/wizardsofts/ml-datasets/small.csv',
    ]),
  );
  const ran = await script("lovage.sh", [
    "enqueue",
    "tasks.ml_tasks.distributed_training",
    JSON.stringify({ dataset: "small.csv", target: "y", model: "lab" }),
    "--wait",
    "--json",
  ]);
  expect(ran.stdout).toContain('"completed"');
  const models = await succeeds(onServer("ls", ["/home/wizardsofts/ml-models"]));
  expect(models.stdout).toContain("lab");
});

test("the server is looked at from the laptop", async () => {
  const status = await succeeds(script("status.sh"));
  for (const service of services) expect(status.stdout).toMatch(new RegExp(`${service} +running +healthy`));
  const logs = await succeeds(script("logs.sh", ["worker-ml", "--lines", "50"]));
  expect(logs.stdout).toMatch(/^worker-ml +\| /m);
  const workers = await succeeds(script("lovage.sh", ["inspect", "workers", "--json"]));
  expect(workers.stdout).toContain("ml@server84");
});

test("a worker that is stuck shows in its health, and the status says so", async () => {
  const health = async () => (await containers())["worker-data"]?.State.Health?.Status;
  // The container's first process is Docker's init; the worker is its child.
  const signal = (name: string) =>
    succeeds(
      onServer("sh", [
        "-c",
        `kill -${name} $(ps -o pid= --ppid $(docker inspect -f '{{.State.Pid}}' lovage-worker-data))`,
      ]),
    );
  await signal("STOP");
  await eventually("the stuck worker to be unhealthy", async () => (await health()) === "unhealthy", 90_000);
  const status = await script("status.sh");
  expect(status.code).toBe(1);
  expect(status.stdout).toMatch(/worker-data +running +unhealthy/);
  await signal("CONT");
  await eventually("it to be healthy again", async () => (await health()) === "healthy", 90_000);
});
