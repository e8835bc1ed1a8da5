import { afterAll, beforeAll, expect, test } from "vitest";
import { succeeds } from "./support/command.ts";
import { containers } from "./support/containers.ts";
import { deploy, releaseOf, script, secretNames, secretOf, setOnServer } from "./support/deployed.ts";
import { lab, onServer, shutDown } from "./support/lab.ts";

const second = "wizardsofts@10.0.0.85";
const server = "server85" as const;
const join = (...args: string[]) => script("join.sh", [second, ...args]);
const lovage = async (...args: string[]) => (await succeeds(script("lovage.sh", args))).stdout;
const onSecond = async (text: string) => (await onServer("sh", ["-c", text], { server })).stdout;
const unset = (name: string) =>
  succeeds(onServer("sed", ["-i", `/^${name}=/d`, "/home/wizardsofts/lovage/.env"]));
const workers = async () => {
  const known = JSON.parse(await lovage("inspect", "workers", "--json")) as {
    name: string;
    state: string;
    queues: { name: string; concurrency: number }[];
  }[];
  return known.filter(({ state }) => state === "alive");
};

beforeAll(async () => {
  await lab("up", "server84", server);
  await succeeds(deploy());
});
afterAll(async () => {
  await join("--leave");
  await shutDown(server);
});

test("a Redis that listens on loopback only cannot be joined, and it is said what to do", async () => {
  await setOnServer("REDIS_BIND", "127.0.0.1");
  const { code, stderr } = await join();
  await unset("REDIS_BIND");
  expect(code).toBe(1);
  expect(stderr).toContain("Redis on server84 listens on loopback only (REDIS_BIND=127.0.0.1");
  expect(stderr).toContain("./scripts/firewall.sh");
  expect((await script("join.sh", ["wizardsofts@10.0.0.84"])).stderr).toContain("the host of Redis itself");
  expect(await onSecond("ls /home/wizardsofts/lovage/.env")).toBe("");
});

test("a second host joins by one command, with its own storage for jobs without files only", async () => {
  const { stdout, stderr } = await succeeds(join("--concurrency", "default=3"));
  expect(stderr).toContain("Redis is not encrypted");
  expect(stderr).toContain(
    "ml-datasets and /home/wizardsofts/ml-models on wizardsofts@10.0.0.85 are not those",
  );
  expect(stdout).toContain("takes jobs for: default");
  expect(stdout).toMatch(/ping default +ok/);
  const all = await containers(server);
  expect(Object.keys(all)).toEqual(["worker-default"]);
  const main = await containers();
  expect(releaseOf(all["worker-default"])).toBe(releaseOf(main["worker-default"]));

  const known = await workers();
  expect(known.map(({ name }) => name).sort()).toEqual([
    "data@server84",
    "default@server84",
    "default@server85",
    "ml@server84",
  ]);
  expect(known.find(({ name }) => name === "default@server85")?.queues).toMatchObject([
    { name: "default", concurrency: 3 },
  ]);

  // It has the workers' password and no other; none was shown.
  const settings = await onSecond("cat /home/wizardsofts/lovage/.env");
  for (const name of secretNames) {
    const secret = await secretOf(name);
    expect(stdout + stderr).not.toContain(secret);
    if (name === "REDIS_WORKER_PASSWORD") expect(settings).toContain(secret);
    else expect(settings).not.toContain(secret);
  }
  expect(await onSecond("stat -c %a /home/wizardsofts/lovage /home/wizardsofts/lovage/.env")).toBe(
    "700\n600\n",
  );
});

test("its workers do jobs", async () => {
  await lovage("control", "pause", "default", "--worker", "default@server84");
  const answer = await lovage("enqueue", "tasks.simple_tasks.ping", "{}", "--wait", "--json");
  await lovage("control", "resume", "default", "--worker", "default@server84");
  expect(answer).toContain("default@server85");
});

test("again: nothing changes; what has changed since on the host of Redis is brought", async () => {
  const [before] = Object.values(await containers(server));
  await succeeds(join());
  const [same] = Object.values(await containers(server));
  expect([same?.Id, same?.State.StartedAt]).toEqual([before?.Id, before?.State.StartedAt]);

  await setOnServer("JOB_LOG_LINES", "900");
  await succeeds(join());
  await unset("JOB_LOG_LINES");
  const [after] = Object.values(await containers(server));
  expect(after?.Id).not.toBe(before?.Id);
  expect(after?.Config.Env).toContain("JOB_LOG_LINES=900");
  expect(after?.Config.Env).toContain("DEFAULT_CONCURRENCY=3");
});

test("a deploy to it keeps its part", async () => {
  const { stdout } = await succeeds(deploy([second]));
  expect(stdout).toContain("all containers are as they should be");
  expect(Object.keys(await containers(server))).toEqual(["worker-default"]);
});

test("it leaves, and nothing secret stays", async () => {
  await succeeds(join("--leave"));
  expect(await containers(server)).toEqual({});
  const password = await secretOf("REDIS_WORKER_PASSWORD");
  expect(await onSecond(`grep -rl ${password} /home/wizardsofts/lovage`)).toBe("");
  expect(await onSecond("ls -d /home/wizardsofts/lovage/tls")).toBe("");
  expect((await workers()).map(({ name }) => name)).not.toContain("default@server85");
});
