import { expect, test, vi } from "vitest";
import type { WorkerView } from "../../src/client/index.ts";
import { LovageError } from "../../src/core/errors.ts";
import { RayError } from "../../src/ray-client-http/index.ts";
import { documentOf, jobId, lovage, type Script } from "./scripted-doors.ts";

const aborted = () => AbortSignal.abort(new Error("interrupted"));

test.each<[string, string[], Script, number, string]>([
  [
    "no Redis",
    ["status", "x"],
    { redis: new LovageError("REDIS_UNAVAILABLE", "no answer") },
    1,
    "REDIS_UNAVAILABLE",
  ],
  [
    "a failed job",
    ["result", "x"],
    { ends: { error: new LovageError("RAY_JOB_FAILED", "it broke") } },
    1,
    "RAY_JOB_FAILED",
  ],
  [
    "an input the job itself refused",
    ["enqueue", "t", "--wait"],
    { ends: { error: new LovageError("INPUT_INVALID", "no") } },
    1,
    "INPUT_INVALID",
  ],
  [
    "an input the client refused",
    ["enqueue", "t", "--wait"],
    { redis: new LovageError("INPUT_INVALID", "no") },
    2,
    "INPUT_INVALID",
  ],
  [
    "an expired job",
    ["result", "x"],
    { ends: { error: new LovageError("JOB_EXPIRED", "late") } },
    1,
    "JOB_EXPIRED",
  ],
  [
    "a wait that is over",
    ["result", "x"],
    { ends: { error: new LovageError("WAIT_TIMEOUT", "it goes on") } },
    3,
    "WAIT_TIMEOUT",
  ],
  ["a fault nobody foresaw", ["status", "x"], { redis: new TypeError("x is undefined") }, 1, "UNEXPECTED"],
  [
    "faulty settings",
    ["tasks"],
    { redis: new LovageError("CONFIG_INVALID", "REDIS_PROT?") },
    2,
    "CONFIG_INVALID",
  ],
])("%s: one document, its exit code, a closed client", async (_what, args, script, code, errorCode) => {
  const ended = await lovage([...args, "--json"], { script });
  expect(documentOf(ended)).toMatchObject({ error: { code: errorCode, message: expect.any(String) } });
  expect(ended).toMatchObject({ code, stderr: "", closed: 1 });
});

test.each<[string, string[], string, string]>([
  ["an unknown command", ["statsu"], "unknown command 'statsu'", "did you mean status? see lovage --help"],
  [
    "an unknown option",
    ["enqueue", "t", "--wiat"],
    "unknown option '--wiat'",
    "did you mean --wait? see lovage enqueue --help",
  ],
  ["a missing id", ["logs"], "missing required argument 'id'", "see lovage logs --help"],
  [
    "an unknown queue",
    ["worker", "--queues", "ml,defalt"],
    "the queues are ml, data, default",
    "see lovage worker --help",
  ],
  ["no number", ["worker", "--concurrency", "two"], "a whole number from 1", "see lovage worker --help"],
  [
    "a port out of bounds",
    ["dev", "--ray-port", "70000"],
    "a whole number from 1 to 65535",
    "see lovage dev --help",
  ],
  [
    "no duration",
    ["enqueue", "t", "--wait", "--timeout", "soon"],
    "'--timeout <duration>' argument 'soon'",
    "lovage enqueue --help",
  ],
  ["a timeout of no wait", ["enqueue", "t", "--timeout", "3s"], "needs --wait", "add --wait"],
  ["a priority out of bounds", ["enqueue", "t", "--priority", "10"], "from 0 to 9", "lovage enqueue --help"],
  [
    "a group without a command",
    ["ray", "jbos"],
    "unknown command 'jbos'",
    "did you mean jobs? see lovage ray --help",
  ],
])("%s is wrong usage, told with what to do", async (_what, args, said, hint) => {
  const ended = await lovage(args);
  expect(ended).toMatchObject({ code: 2, stdout: "", calls: [], closed: 0 });
  expect(ended.stderr).toContain(`error USAGE: `);
  expect(ended.stderr).toContain(said);
  expect(ended.stderr).toContain(hint);
  const asJson = await lovage([...args, "--json"]);
  if (args[0] !== "worker" && args[0] !== "dev") {
    expect(documentOf(asJson)).toMatchObject({ error: { code: "USAGE" } });
  }
  expect(asJson).toMatchObject({ code: 2, stderr: "" });
});

test("without a command the help is shown as wrong usage; with --help as an answer, exit codes included", async () => {
  const bare = await lovage([]);
  expect(bare).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("enqueue [options]") });
  for (const command of ["worker", "dev", "enqueue", "status", "logs", "result", "cancel", "tasks"]) {
    const { code, stdout, stderr } = await lovage([command, "--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(`lovage ${command}`);
    expect(stdout).toMatch(/Examples?:\n {2}lovage /);
    expect(stdout).toContain("3 timeout");
  }
  expect(await lovage(["--version"])).toMatchObject({ code: 0, stdout: "1.2.3\n" });
});

test("enqueue hands every option on and reads standard input", async () => {
  const stdin = (async function* () {
    // A character in two chunks.
    yield Buffer.from([0x22, 0xc3]);
    yield Buffer.from([0xa9, 0x22]);
  })();
  const flags = ["--delay", "1m", "--expires", "2h", "--priority", "3", "--attempts", "5", "--id", "mine"];
  const ended = await lovage(["enqueue", "test.echo", "-", ...flags], { stdin });
  expect(ended.calls).toEqual([
    {
      task: "test.echo",
      input: "é",
      options: { delay: "1m", expires: "2h", priority: 3, attempts: 5, id: "mine" },
    },
  ]);
  expect(ended).toMatchObject({ code: 0, stdout: "mine\n" });
  for (const next of ["lovage status mine", "lovage logs mine --follow", "lovage result mine"])
    expect(ended.stderr).toContain(next);
  expect(ended.stderr).not.toContain("no worker");
  expect((await lovage(["enqueue", "test.echo"])).calls).toEqual([
    { task: "test.echo", input: {}, options: {} },
  ]);
});

test("enqueue says when nobody takes the job", async () => {
  const plain = await lovage(["enqueue", "test.echo"], { script: { workers: 0 } });
  expect(plain.stderr).toContain(
    "no worker is seen on queue default; start one: lovage worker --queues default",
  );
  const waiting = await lovage(["enqueue", "test.echo", "--wait"], {
    script: { workers: 0, snapshot: { state: "waiting" } },
  });
  expect(waiting.stderr).toContain("no worker is seen on queue default");
});

test("a wait prints progress beside the result, the result alone on standard output", async () => {
  const script = {
    progress: [{ fraction: 0.5, message: "half\u001b[2J way" }],
    ends: { output: { rows: 3 } },
  };
  const ended = await lovage(["enqueue", "test.echo", "--wait"], { script });
  expect(ended).toMatchObject({ code: 0, stdout: '{\n  "rows": 3\n}\n' });
  expect(ended.stderr).toMatch(/^test\.echo 50% half way\ntest\.echo 100% completed after \d+ms\n$/);
  const asJson = await lovage(["enqueue", "test.echo", "--wait", "--json"], { script });
  expect(documentOf(asJson)).toEqual({
    id: jobId,
    task: "test.echo",
    queue: "default",
    state: "completed",
    output: { rows: 3 },
  });
  expect(asJson.stderr).toBe("");
  const onTerminal = await lovage(["result", "x"], { script, terminal: 100 });
  expect(onTerminal.stderr).toMatch(/█+ 100% completed/);
});

test("a job without a result has the result null", async () => {
  expect(await lovage(["result", "x"], { script: { ends: { output: undefined } } })).toMatchObject({
    code: 0,
    stdout: "null\n",
  });
});

test("a failed wait names the error, its hint and the log; a timeout the commands that go on", async () => {
  const error = new LovageError("RAY_JOB_FAILED", "exit code 1", { hint: "look at line 3" });
  const failed = await lovage(["result", "x"], { script: { ends: { error } } });
  expect(failed).toMatchObject({ code: 1, stdout: "" });
  expect(failed.stderr).toBe(
    "error RAY_JOB_FAILED: exit code 1\nhint: look at line 3\njob x: its log is shown by: lovage logs x\n",
  );
  const late = new LovageError("WAIT_TIMEOUT", "it goes on", { hint: "client.get(id)" });
  const over = await lovage(["result", "x"], { script: { ends: { error: late } } });
  expect(over.stderr).toContain("hint: `lovage result x` waits again, `lovage cancel x` stops the job");
});

test("a retry that waits is told with the reason", async () => {
  const { stderr } = await lovage(["result", "x"], {
    script: {
      snapshot: { state: "scheduled", error: { code: "JOB_FAILED", message: "boom", retryable: true } },
    },
  });
  expect(stderr).toContain("attempt 1 of 3 failed (JOB_FAILED: boom); the next follows");
});

test.each(["result", "logs"])("Ctrl-C during %s leaves the job running and says so", async (command) => {
  const controller = new AbortController();
  const script: Script = { ends: "never", logs: ["a line"], progress: [{ fraction: 0.1, message: "begun" }] };
  const args = command === "logs" ? ["logs", "x", "--follow"] : ["result", "x"];
  setImmediate(() => controller.abort(new Error("interrupted")));
  const ended = await lovage(args, { script, signal: controller.signal });
  expect(ended).toMatchObject({ code: 130, closed: 1 });
  expect(ended.stderr).toContain("interrupted; job x goes on");
  expect(ended.stdout).toBe(command === "logs" ? "a line\n" : "");
  const asJson = await lovage([...args, "--json"], { script, signal: aborted() });
  expect(documentOf(asJson)).toMatchObject({ error: { code: "INTERRUPTED" } });
  expect(asJson.code).toBe(130);
});

test("a command that answers after Ctrl-C adds no second document", async () => {
  const controller = new AbortController();
  const { promise, resolve } = Promise.withResolvers<[]>();
  const openCluster = () => ({
    clusters: [],
    nodes: () => promise,
    rayJobs: () => promise,
    close: async () => {},
  });
  setImmediate(() => controller.abort(new Error("interrupted")));
  const ended = await lovage(["ray", "nodes", "--json"], { signal: controller.signal, openCluster });
  resolve([]);
  await vi.waitFor(() => promise);
  expect(documentOf(ended)).toMatchObject({ error: { code: "INTERRUPTED" } });
});

test("a result that comes after Ctrl-C is no longer told", async () => {
  const controller = new AbortController();
  const { promise, resolve } = Promise.withResolvers<void>();
  setImmediate(() => controller.abort(new Error("interrupted")));
  const ended = await lovage(["result", "x"], { script: { until: promise }, signal: controller.signal });
  resolve();
  await new Promise((settled) => setImmediate(settled));
  expect(ended).toMatchObject({ code: 130, stdout: "", stderr: expect.not.stringContaining("completed") });
});

test("status shows what is known, and --json the whole with ISO dates", async () => {
  const script: Script = {
    snapshot: {
      state: "failed",
      attempt: 2,
      startedAt: new Date("2026-01-02T03:04:10Z"),
      endedAt: new Date("2026-01-02T03:05:40Z"),
      worker: "ml@host",
      progress: { fraction: 0.42, message: "trial 3 of 7" },
      error: { code: "RAY_JOB_FAILED", message: "it broke", retryable: true, hint: "mend it" },
      rayJob: { submissionId: "lovage-ml-x-2", attempt: 2, sessionName: "s" },
      input: { dataset: "a.csv" },
    },
  };
  const { stdout, code } = await lovage(["status", jobId], { script });
  expect(code).toBe(0);
  for (const line of [
    /^id +11111111-2222-3333-4444-555555555555$/m,
    /^state +failed$/m,
    /^attempt +2 of 3$/m,
    /^worker +ml@host$/m,
    /^enqueued +2026-01-02 03:04:05Z \(.* ago\)$/m,
    /^ended +2026-01-02 03:05:40Z \(ran 1m 30s\)$/m,
    /^progress +42% trial 3 of 7$/m,
    /^Ray job +lovage-ml-x-2$/m,
    /^input +\{"dataset":"a.csv"\}$/m,
    /^error +RAY_JOB_FAILED: it broke$/m,
    /^hint +mend it$/m,
  ])
    expect(stdout).toMatch(line);
  expect(documentOf(await lovage(["status", jobId, "--json"], { script }))).toMatchObject({
    id: jobId,
    state: "failed",
    enqueuedAt: "2026-01-02T03:04:05.000Z",
    rayJob: { submissionId: "lovage-ml-x-2" },
  });
});

test("logs as lines or as one document; an empty log is told", async () => {
  expect(await lovage(["logs", "x"], { script: { logs: ["one", "two"] } })).toMatchObject({
    stdout: "one\ntwo\n",
    stderr: "",
    code: 0,
  });
  const asJson = await lovage(["logs", "x", "--json"], { script: { logs: ["one"] } });
  expect(documentOf(asJson)).toEqual({ id: "x", lines: ["one"] });
  expect(await lovage(["logs", "x"])).toMatchObject({
    stdout: "",
    stderr: expect.stringContaining("is empty"),
  });
});

test.each<["cancelled" | "cancelling" | "ended", number]>([
  ["cancelled", 0],
  ["cancelling", 0],
  ["ended", 1],
])("cancel tells the outcome %s by its exit code %i", async (cancel, code) => {
  const asJson = await lovage(["cancel", "x", "--json"], { script: { cancel } });
  expect(documentOf(asJson)).toEqual({ id: "x", outcome: cancel });
  expect(asJson.code).toBe(code);
});

test("worker and dev hand their options to their doors and end with their codes", async () => {
  const runWorker = vi.fn(async () => 7);
  const runDev = vi.fn(async () => 8);
  const args = ["worker", "--queues", "ml, data,ml", "--concurrency", "2", "--name", "w1"];
  expect((await lovage(args, { runWorker })).code).toBe(7);
  expect(runWorker).toHaveBeenCalledWith({ queues: ["ml", "data"], concurrency: 2, name: "w1" });
  expect((await lovage(["worker"], { runWorker })).code).toBe(7);
  expect(runWorker).toHaveBeenLastCalledWith({});
  expect((await lovage(["dev", "--ray-nodes", "3", "--ray-base-port", "21000"], { runDev })).code).toBe(8);
  expect(runDev).toHaveBeenCalledWith({ rayNodes: 3, rayBasePort: 21_000 });
});

test("ray jobs lists Lovage's own, the newest first, and with --all everybody's", async () => {
  const unknown = { queue: null, task: null, attempt: null, message: null };
  const row = { cluster: "default", status: "SUCCEEDED", entrypoint: "python a.py", ...unknown };
  const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second));
  const rows = [
    { ...row, submissionId: "old", jobId: "1", task: "t.a", attempt: 1, startedAt: at(1), endedAt: at(4) },
    { ...row, submissionId: "new", jobId: "2", task: "t.b", attempt: 1, startedAt: at(9), endedAt: null },
    { ...row, submissionId: "foreign", jobId: null, startedAt: at(5), endedAt: at(6) },
  ];
  const close = vi.fn(async () => {});
  const openCluster = () => ({ clusters: [], nodes: async () => [], rayJobs: async () => rows, close });
  const ids = async (args: string[]) => {
    const document = documentOf(await lovage(["ray", "jobs", "--json", ...args], { openCluster }));
    return (document as { submissionId: string }[]).map(({ submissionId }) => submissionId);
  };
  expect(await ids([])).toEqual(["new", "old"]);
  expect(await ids(["--all"])).toEqual(["new", "foreign", "old"]);
  expect((await lovage(["ray", "jobs"], { openCluster })).stdout).toMatch(
    /^old +SUCCEEDED +t\.a +1 .* 3\.0s$/m,
  );
  expect(close).toHaveBeenCalledTimes(3);
});

test("ray nodes: the nodes with their sum; a cluster that is away is told with a hint, and closed", async () => {
  const node = { address: "10.0.0.1", head: false, cpus: 4, cpusUsed: 1, memory: 2 ** 31 };
  const close = vi.fn(async () => {});
  const nodes = async () => [
    { ...node, id: "a".repeat(56), alive: true, head: true },
    { ...node, id: "b".repeat(56), alive: false, cpusUsed: null, memory: null },
  ];
  const { stdout } = await lovage(["ray", "nodes"], {
    openCluster: () => ({ clusters: [], nodes, rayJobs: async () => [], close }),
  });
  expect(stdout).toMatch(/^a{56} +10\.0\.0\.1 +head +alive +1 of 4 +2\.0 GiB$/m);
  expect(stdout).toContain("1 of 2 nodes alive, 1 of 4 CPUs used");
  const away = async () => {
    throw new RayError("RAY_UNAVAILABLE", "no answer");
  };
  const ended = await lovage(["ray", "nodes"], {
    openCluster: () => ({ clusters: [], nodes: away, rayJobs: away, close }),
  });
  expect(ended).toMatchObject({
    code: 1,
    stdout: "",
    stderr: expect.stringContaining("hint: is the cluster up"),
  });
  expect(close).toHaveBeenCalledTimes(2);
});

test("ray clusters: each with its state, and the workers that take it for down", async () => {
  const facts = { address: "http://ray", expectedNodes: 2, expectedCpus: 8 };
  const node = { id: "n", address: "10.0.0.1", alive: true, head: true, cpus: 4, cpusUsed: 1, memory: null };
  const nodes = async ({ cluster }: { cluster?: string | undefined } = {}) => {
    if (cluster === "gpu") throw new RayError("RAY_UNAVAILABLE", "no answer");
    return [node];
  };
  const clusters = [
    { ...facts, name: "default" },
    { ...facts, name: "gpu" },
  ];
  const openCluster = () => ({ clusters, nodes, rayJobs: async () => [], close: async () => {} });
  const worker = { state: "alive", rayClusters: { default: "closed", gpu: "open" } };
  const workers = async () =>
    [
      { ...worker, name: "ml" },
      { name: "old", state: "alive" },
    ] as unknown as WorkerView[];
  const script = { inspect: { workers } };
  const { stdout } = await lovage(["ray", "clusters"], { openCluster, script });
  expect(stdout).toMatch(/^default +http:\/\/ray +up +1 of 2 +1 of 4 +nobody$/m);
  expect(stdout).toMatch(/^gpu +http:\/\/ray +RAY_UNAVAILABLE +- +- +ml$/m);
});

test("colours come on a terminal that has them, and never into a pipe", async () => {
  const script = { redis: new LovageError("REDIS_UNAVAILABLE", "away") };
  expect((await lovage(["status", "x"], { script, terminal: 80 })).stderr).toContain("\u001b[31merror");
  expect((await lovage(["status", "x"], { script })).stderr).not.toContain("\u001b");
});
