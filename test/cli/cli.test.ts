import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sides } from "../support/sides.ts";
import { eventually, type World } from "../support/world.ts";

describe.each(sides)("over %s", (_side, { createWorld }) => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld();
    await world.worker();
  });
  afterAll(() => world.close());

  interface Ended {
    code: number | null;
    stdout: string;
    stderr: string;
  }

  /** Runs `lovage` as a user does, in a process of its own. */
  function lovage(
    args: readonly string[],
    options: { input?: string; interruptWhen?: () => Promise<boolean> } = {},
  ): Promise<Ended> {
    const script = fileURLToPath(new URL("../../src/bin/lovage.ts", import.meta.url));
    const child = spawn(process.execPath, [script, ...args], {
      env: { PATH: process.env["PATH"] ?? "", ...world.variables },
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk) => (stdout += String(chunk)));
    child.stderr.on("data", (chunk) => (stderr += String(chunk)));
    child.stdin.end(options.input ?? "");
    if (options.interruptWhen !== undefined) {
      void eventually("the moment to interrupt", options.interruptWhen).then(() => child.kill("SIGINT"));
    }
    return new Promise((resolve) => child.once("close", (code) => resolve({ code, stdout, stderr })));
  }

  test("enqueue and wait: the result on standard output, progress beside it", async () => {
    const ended = await lovage(["enqueue", "test.echo", '{"text":"hi","seconds":0.6}', "--wait"]);
    expect(JSON.parse(ended.stdout)).toEqual({ text: "hi", attempt: 1 });
    expect(ended.stderr).toContain("100% completed");
    expect(ended.code).toBe(0);
  });

  test("an input of ten megabytes is refused, and no job is made", async () => {
    const input = JSON.stringify({ text: "x".repeat(10_000_000) });
    const args = ["enqueue", "test.echo", "-", "--id", "too-large", "--json"];
    const { code, stdout } = await lovage(args, { input });
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: "DATA_TOO_LARGE" } });
    await expect(world.client.get("too-large")).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
  });

  test("enqueue without waiting prints the id alone; status, logs and result follow it", async () => {
    const { stdout, stderr } = await lovage(["enqueue", "test.echo", "-"], { input: '{"text":"piped"}' });
    const id = stdout.trim();
    expect(stderr).toContain(`lovage status ${id}`);
    expect(await lovage(["result", id, "--json"])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('"piped"'),
    });
    const status = await lovage(["status", id]);
    for (const text of ["test.echo", "completed", "1 of 3", "test-worker"])
      expect(status.stdout).toContain(text);
    expect(JSON.parse((await lovage(["status", id, "--json"])).stdout)).toMatchObject({
      id,
      state: "completed",
    });
    expect((await lovage(["logs", id, "--follow"])).stdout).toBe("began piped\n");
  });

  test.each<[string, string[], number, string]>([
    ["a failed job", ["enqueue", "test.echo", '{"end":"coded"}', "--wait", "--json"], 1, "INPUT_INVALID"],
    ["an unknown task", ["enqueue", "test.eco", "--json"], 2, "TASK_UNKNOWN"],
    ["an input that is no JSON", ["enqueue", "test.echo", "{text}", "--json"], 2, "USAGE"],
    ["an input that does not fit", ["enqueue", "test.echo", '{"text":1}', "--json"], 2, "INPUT_INVALID"],
    [
      "a wait that is over",
      ["enqueue", "test.echo", '{"seconds":3}', "--wait", "--timeout", "200ms", "--json"],
      3,
      "WAIT_TIMEOUT",
    ],
    ["an unknown job", ["status", "nobody", "--json"], 1, "JOB_NOT_FOUND"],
    ["an unknown option", ["status", "x", "--jsn", "--json"], 2, "USAGE"],
    ["an unknown command", ["enqeue", "--json"], 2, "USAGE"],
    ["an unknown queue", ["worker", "--queues", "fast", "--json"], 2, "USAGE"],
  ])(
    "%s has its exit code, and with --json one document and nothing else",
    async (_what, args, code, errorCode) => {
      const ended = await lovage(args);
      expect(JSON.parse(ended.stdout)).toMatchObject({ error: { code: errorCode } });
      expect(ended.stderr).toBe("");
      expect(ended.code).toBe(code);
    },
  );

  test("an error is told to a person with what to do", async () => {
    const ended = await lovage(["enqueue", "test.eco"]);
    expect(ended).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringContaining("did you mean test.echo?"),
    });
  });

  test("cancel from the command line", async () => {
    const job = await world.client.enqueue("test.echo", { seconds: 60 });
    await eventually("the job runs", async () => (await job.state()) === "active");
    expect((await lovage(["cancel", job.id, "--reason", "enough"])).code).toBe(0);
    await expect(job.result({ timeout: "10s" })).rejects.toMatchObject({
      code: "JOB_CANCELLED",
      message: "enough",
    });
    expect((await lovage(["cancel", job.id])).code).toBe(1);
  });

  test("Ctrl-C while waiting leaves the job running and says so", async () => {
    const ended = await lovage(["enqueue", "test.echo", '{"seconds":4}', "--wait", "--id", "left-alone"], {
      interruptWhen: async () =>
        (await world.client
          .get("left-alone")
          .then((job) => job.state())
          .catch(() => "")) === "active",
    });
    expect(ended.code).toBe(130);
    expect(ended.stderr).toContain("lovage result left-alone");
    const job = await world.client.get("left-alone");
    expect(await job.result({ timeout: "15s" })).toMatchObject({ attempt: 1 });
  });

  test("tasks, and one task with its input", async () => {
    expect((await lovage(["tasks"])).stdout).toMatch(/test\.ray_echo +ml +Ray/);
    expect((await lovage(["tasks", "test.echo"])).stdout).toMatch(/seconds +number +default 0/);
  });

  test("help names the commands and the exit codes", async () => {
    const { stdout, code } = await lovage(["--help"]);
    expect(code).toBe(0);
    for (const text of ["worker", "dev", "enqueue", "cancel", "ray", "3 timeout"])
      expect(stdout).toContain(text);
  });

  test("workers are asked and told, and shown at a glance", async () => {
    const ping = await lovage(["inspect", "ping", "--json"]);
    expect(JSON.parse(ping.stdout)).toMatchObject({ answers: [{ worker: "test-worker" }], silent: [] });
    expect(ping.code).toBe(0);
    const changed = await lovage(["control", "concurrency", "3", "--queue", "data"]);
    expect(changed.stdout).toContain("data 0/3");
    const top = await lovage(["top", "--once"]);
    expect(top.stdout).toContain("1 of 1 workers up");
    expect((await lovage(["inspect", "ping", "--worker", "test-work", "--json"])).code).toBe(1);
  });
});
