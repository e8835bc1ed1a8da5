import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { copyOfCheckout } from "./support/checkout-copy.ts";
import { run, succeeds } from "./support/command.ts";
import { inspect } from "./support/containers.ts";
import {
  boot,
  guard,
  lab,
  labName,
  onLaptop,
  onServer,
  powerCut,
  shutDown,
  startOnLaptop,
} from "./support/lab.ts";
import { startLabRay } from "./support/ray.ts";

const ssh = ["-o", "BatchMode=yes", "wizardsofts@10.0.0.84"];

afterAll(() => onServer("docker", ["rm", "--force", "lab-sleeper", "lab-once"]));

test("the laptop reaches the server by plain ssh, and finds the real server's user and tools", async () => {
  const { stdout } = await succeeds(
    onLaptop("ssh", [...ssh, "whoami; hostname; id -Gn; docker-compose version --short; pwd"]),
  );
  expect(stdout.split("\n")).toEqual([
    "wizardsofts",
    "server84",
    "wizardsofts docker",
    "1.29.2",
    "/home/wizardsofts",
    "",
  ]);
  const images = await succeeds(
    onLaptop("ssh", [...ssh, "docker images --format '{{.Repository}}:{{.Tag}}'"]),
  );
  expect(images.stdout.split("\n")).toEqual(
    expect.arrayContaining(["debian:bookworm-slim", "redis:7-alpine", "node:24-bookworm-slim"]),
  );
});

test("the server knows neither the checkout nor Node", async () => {
  const { code } = await onServer("sh", ["-c", `command -v node npm || test -e ${import.meta.filename}`]);
  expect(code).not.toBe(0);
});

test("nothing but the lab's machines can be reached from the lab", async () => {
  await guard();
  for (const on of [onLaptop, onServer]) {
    const routes = await succeeds(on("ip", ["route", "show"]));
    const elsewhere = routes.stdout.split("\n").filter((line) => !/^$|dev (eth0|docker0) /.test(line));
    expect(elsewhere).toEqual([]);
    expect(routes.stdout).not.toContain("default");
    // 192.0.2.0/24 is set apart for documentation: nobody has it.
    const away = await on("ip", ["route", "get", "192.0.2.1"]);
    expect(away.stderr).toContain("Network is unreachable");
  }
});

test("outside the lab, its addresses lead nowhere", async () => {
  for (const address of ["10.0.0.84", "10.0.0.85"]) {
    expect((await run("ip", ["route", "get", address])).code).not.toBe(0);
  }
  const { code, stderr } = await run("ssh", ["-o", "ConnectTimeout=5", ...ssh, "true"]);
  expect([code, stderr]).toEqual([255, expect.stringMatching(/No route to host|Network is unreachable/)]);
});

test("nothing is sent when the laptop has a way out", async () => {
  const namespace = `lovage-${labName}-laptop`;
  await succeeds(run("ip", ["-n", namespace, "route", "add", "default", "via", "10.0.0.254"]));
  try {
    const { code, stderr } = await onLaptop("true");
    expect(stderr).toContain("has a default route: nothing is sent");
    expect(code).toBe(1);
  } finally {
    await succeeds(run("ip", ["-n", namespace, "route", "del", "default"]));
  }
});

test("a command's output is complete, in its result and in a file", async () => {
  const result = await onLaptop("sh", ["-c", "echo out; echo err >&2; cat; exit 3"], { input: "in" });
  expect(result).toMatchObject({ code: 3, stdout: "out\nin", stderr: "err\n" });
  expect(await readFile(result.logFile, "utf8")).toContain("err\n");
});

test("Ctrl-C reaches what runs on the laptop", async () => {
  const command = startOnLaptop("sh", [
    "-c",
    "trap 'echo told; exit 7' INT; echo ready; while :; do sleep 0.1; done",
  ]);
  await command.printed("ready");
  command.signal("SIGINT");
  expect(await command.done).toMatchObject({ code: 7, stdout: "ready\ntold\n" });
});

test("after a power cut, in the middle of a command, the server comes back with its disk and its containers", async () => {
  const sleeper = ["redis:7-alpine", "sleep", "infinity"];
  const policy = ["--restart", "unless-stopped"];
  await succeeds(onServer("docker", ["run", "-d", "--name", "lab-sleeper", ...policy, ...sleeper]));
  await succeeds(onServer("docker", ["run", "-d", "--name", "lab-once", ...sleeper]));
  const [before] = await inspect("name=lab-sleeper");
  const command = startOnLaptop("ssh", [
    ...["-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=2", ...ssh],
    "echo kept >file; echo begun; sleep 600",
  ]);
  await command.printed("begun");

  await powerCut();
  expect(await command.done).toMatchObject({ code: 255, stderr: expect.stringContaining("not responding") });
  expect((await onServer("true")).stderr).toContain("server84 is not on");

  await boot();
  expect((await succeeds(onLaptop("ssh", [...ssh, "cat file"]))).stdout).toBe("kept\n");
  const after = await eventually("the container to be back", async () => {
    const [container] = await inspect("name=lab-sleeper");
    return container?.State.Running && container;
  });
  expect(after.Id).toBe(before?.Id);
  expect(after.State.StartedAt).not.toBe(before?.State.StartedAt);
  const [once] = await inspect("name=lab-once");
  expect(once?.State.Status).toBe("exited");
});

test("a server that is switched off in good order stops its containers", async () => {
  const script = "trap 'echo asked >/data/asked; exit 0' TERM; while :; do sleep 0.1; done";
  await succeeds(
    onServer("docker", ["run", "-d", "--name", "lab-asked", "redis:7-alpine", "sh", "-c", script]),
  );
  await shutDown();
  await boot();
  const { stdout } = await succeeds(onServer("docker", ["cp", "lab-asked:/data/asked", "-"]));
  expect(stdout).toContain("asked\n");
  await succeeds(onServer("docker", ["rm", "--volumes", "lab-asked"]));
});

test("a copy of the checkout may be changed, and is a repository of its own", async () => {
  const folder = await copyOfCheckout("changed", async (copy) => {
    await succeeds(run("sh", ["-c", "echo '// more' >>tasks/index.ts"], { cwd: copy }));
  });
  const clean = await succeeds(run("git", ["status", "--porcelain"], { cwd: folder }));
  expect(clean.stdout).toBe("");
  expect(await readFile(join(folder, "tasks/index.ts"), "utf8")).toMatch(/\/\/ more\n$/);
  expect((await onLaptop("test", ["-e", "node_modules"], { cwd: folder })).code).toBe(1);
});

test("a second server is another machine", async () => {
  await lab("up", "server84", "server85");
  const { stdout } = await succeeds(
    onLaptop("ssh", ["-o", "BatchMode=yes", "wizardsofts@10.0.0.85", "hostname; docker ps --all --quiet"]),
  );
  expect(stdout).toBe("server85\n");
  const between = await succeeds(onServer("bash", ["-c", "head -c 3 </dev/tcp/10.0.0.85/22"]));
  expect(between.stdout).toBe("SSH");
  await shutDown("server85");
});

test("a Ray head on the server runs programs that see the server's data sets", async () => {
  const folder = "/home/wizardsofts/ml-datasets";
  await succeeds(onServer("sh", ["-c", `echo some data >${folder}/seen.csv; rm -f ${folder}/written.csv`]));
  await succeeds(onServer("chown", ["--recursive", "wizardsofts:", folder]));
  const ray = await startLabRay();
  try {
    const curl = async (path: string, ...args: string[]) => {
      const { stdout } = await succeeds(onLaptop("curl", ["-fsS", `${ray.address}${path}`, ...args]));
      return JSON.parse(stdout) as { status?: string; submission_id: string };
    };
    const job = JSON.stringify({ entrypoint: "cp /datasets/seen.csv /datasets/written.csv" });
    const { submission_id } = await curl("/api/jobs/", "-H", "content-type: application/json", "-d", job);
    await eventually(
      "the Ray job to succeed",
      async () => (await curl(`/api/jobs/${submission_id}`)).status === "SUCCEEDED",
      60_000,
    );
  } finally {
    await ray.stop();
  }
  const { stdout } = await succeeds(
    onLaptop("ssh", [...ssh, "cat ml-datasets/written.csv; stat -c %U ml-datasets/written.csv"]),
  );
  expect(stdout).toBe("some data\nwizardsofts\n");
});
