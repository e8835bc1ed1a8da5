import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from "vitest";
import type { LocalRay } from "../../src/dev/ray.ts";
import { createRayClient, type RayClient, RayError } from "../../src/ray-client-http/index.ts";
import { startCuttingProxy } from "../support/cutting-proxy.ts";
import { startOwnRay } from "../support/own-ray.ts";
import { failure } from "./fixture.ts";

const shared = process.env["LOVAGE_TEST_RAY"] ?? (inject("rayAddress" as never) as string | undefined);
const newId = () => `client-test:${randomBytes(6).toString("hex")}`;
const pollMs = { min: 100, max: 500 };

describe("on a real Ray", { timeout: 60_000 }, () => {
  let client: RayClient;
  let address: string;
  let own: LocalRay | undefined;
  beforeAll(async () => {
    if (shared === undefined) own = await startOwnRay();
    address = shared ?? own?.address ?? "";
    client = createRayClient({ address });
  }, 90_000);
  afterAll(async () => {
    await client.close();
    await own?.stop();
  }, 30_000);

  it("tells its version, its nodes and what they have", async () => {
    expect(await client.version()).toMatchObject({
      version: "4",
      rayVersion: expect.stringMatching(/^2\./),
      sessionName: expect.stringMatching(/^session_/),
    });
    const findHead = async () => (await client.nodes()).find((node) => node.isHead);
    // Ray lists its nodes some seconds after it answers.
    await expect.poll(findHead, { timeout: 20_000 }).toBeDefined();
    const head = await findHead();
    expect(head).toMatchObject({
      state: "ALIVE",
      hostname: expect.any(String),
      resources: { CPU: expect.any(Number) },
    });
    await expect
      .poll(async () => (await client.clusterStatus()).usage["CPU"]?.[1], { timeout: 20_000 })
      .toBe((await client.nodes()).reduce((sum, node) => sum + (node.resources["CPU"] ?? 0), 0));
  });

  it("runs a program of a package, and gives its log in every way", async () => {
    const folder = await mkdtemp(join(tmpdir(), "ray-program-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const marker = randomBytes(6).toString("hex");
    const source = `import os\nprint("${marker}", os.environ["GREETING"])\nfor i in range(30): print(f"{i} ä€😀")\n`;
    await writeFile(join(folder, "main.py"), source);
    const pkg = await client.packages.zip(folder);
    expect(await client.packages.exists(pkg.name)).toBe(false);
    expect(await client.packages.upload(pkg)).toEqual({ uri: pkg.uri, uploaded: true });
    expect(await client.packages.upload(pkg)).toEqual({ uri: pkg.uri, uploaded: false });

    const request = {
      entrypoint: "python main.py",
      submissionId: newId(),
      runtimeEnv: { working_dir: pkg.uri, env_vars: { GREETING: "hallo" } },
      metadata: { task: "test" },
      entrypointNumCpus: 0.1,
    };
    const id = request.submissionId;
    expect(await client.submit(request)).toEqual({ submissionId: id, alreadyExisted: false });
    expect(await client.submit(request)).toEqual({ submissionId: id, alreadyExisted: true });
    const other = await failure(client.submit({ ...request, entrypoint: "python other.py" }));
    expect(other).toMatchObject({ code: "RAY_CONFLICT" });

    let followed = "";
    for await (const piece of client.tail(id)) followed += piece.text;
    const statuses: string[] = [];
    const job = await client.wait(id, { pollMs, onStatus: ({ status }) => statuses.push(status) });
    expect(job).toMatchObject({
      type: "SUBMISSION",
      submissionId: id,
      status: "SUCCEEDED",
      driverExitCode: 0,
      errorType: null,
      metadata: { task: "test" },
      startTime: expect.any(Number),
      endTime: expect.any(Number),
      driverNodeId: expect.any(String),
    });
    expect(followed).toContain(`${marker} hallo\n0 ä€😀\n1 ä€😀\n`);
    expect(followed).toContain("29 ä€😀\n");
    expect(await client.logs(id)).toBe(followed);
    const nodeId = job.driverNodeId ?? "";
    expect(await client.logTail(id, { nodeId, lines: 3 })).toBe(
      `${followed.split("\n").slice(-4).join("\n")}`,
    );
    expect(await failure(client.logs(id, { maxBytes: 100 }))).toMatchObject({
      code: "RAY_RESPONSE_TOO_LARGE",
    });
    let resumed = "";
    for await (const piece of client.tail(id, { from: 50 })) resumed += piece.text;
    expect(resumed).toBe(followed.slice(50));

    expect((await client.list()).map((one) => one.submissionId)).toContain(id);
    expect(await client.delete(id)).toEqual({ deleted: true });
    expect(await failure(client.get(id))).toMatchObject({ code: "RAY_NOT_FOUND" });
  });

  it("says what a failed program said", async () => {
    const { submissionId } = await client.submit({
      entrypoint: "echo going down; exit 3",
      entrypointNumCpus: 0.1,
    });
    expect(await client.wait(submissionId, { pollMs })).toMatchObject({
      status: "FAILED",
      driverExitCode: 3,
      errorType: "JOB_ENTRYPOINT_COMMAND_ERROR",
      message: expect.stringContaining("going down"),
    });
    await client.delete(submissionId);
  });

  it("stops what runs, and refuses to delete it before", async () => {
    const { submissionId } = await client.submit({ entrypoint: "sleep 600", entrypointNumCpus: 0.1 });
    await expect
      .poll(async () => (await client.get(submissionId)).status, { timeout: 30_000 })
      .toBe("RUNNING");
    expect(await failure(client.delete(submissionId))).toMatchObject({
      code: "RAY_CONFLICT",
      retryable: false,
    });
    expect(await client.stop(submissionId)).toEqual({ stopped: true });
    expect(await client.wait(submissionId, { pollMs })).toMatchObject({
      status: "STOPPED",
      driverExitCode: null,
    });
    await client.delete(submissionId);
  });

  it("knows what is not there, and what it cannot take", async () => {
    const nodeId = (await client.nodes())[0]?.nodeId ?? "";
    const id = newId();
    const calls = [
      client.get(id),
      client.stop(id),
      client.delete(id),
      client.logs(id),
      client.tail(id).next(),
      client.wait(id),
      client.logTail(id, { nodeId: "ffff", lines: 5 }),
    ];
    for (const error of await Promise.all(calls.map(failure))) {
      expect(error).toMatchObject({ code: "RAY_NOT_FOUND", retryable: false });
    }
    // Ray answers a missing file with an empty text now and then.
    const code = (error: unknown) => (error instanceof RayError ? error.code : error);
    await expect
      .poll(() => client.logTail(id, { nodeId, lines: 5 }).catch(code), { interval: 1 })
      .toBe("RAY_NOT_FOUND");
    const selector = await failure(
      client.submit({ entrypoint: "true", entrypointLabelSelector: { zone: "in((" } }),
    );
    expect(selector).toMatchObject({ code: "RAY_REJECTED", status: 500 });
    expect(selector.message).toContain("Invalid label selector");
    const metadata = { a: 1 } as unknown as Record<string, string>;
    expect(await failure(client.submit({ entrypoint: "true", metadata }))).toMatchObject({
      code: "RAY_REJECTED",
      status: 400,
    });
  });

  it("starts one program when the answer to a submit is lost on the way", async () => {
    const proxy = await startCuttingProxy(address, 0);
    onTestFinished(proxy.close);
    const through = createRayClient({ address: proxy.url });
    onTestFinished(() => through.close());
    const id = newId();
    const submitted = await through.submit({ entrypoint: "true", submissionId: id, entrypointNumCpus: 0.1 });
    expect(submitted).toEqual({ submissionId: id, alreadyExisted: false });
    expect(proxy.connections()).toBeGreaterThan(1);
    expect((await client.list()).filter((job) => job.submissionId === id)).toHaveLength(1);
    expect(await client.wait(id, { pollMs })).toMatchObject({ status: "SUCCEEDED" });
    await client.delete(id);
  });

  it("follows a log over lines that are cut, without a loss or a double", async () => {
    const proxy = await startCuttingProxy(address, 700, 3);
    onTestFinished(proxy.close);
    const through = createRayClient({ address: proxy.url });
    onTestFinished(() => through.close());
    const entrypoint = "for i in $(seq 1 40); do echo line-ä-$i; sleep 0.05; done";
    const { submissionId } = await client.submit({ entrypoint, entrypointNumCpus: 0.1 });
    let followed = "";
    for await (const piece of through.tail(submissionId)) followed += piece.text;
    expect(proxy.connections()).toBe(4);
    expect(followed).toBe(await client.logs(submissionId));
    expect(followed).toContain("line-ä-40\n");
    await client.wait(submissionId, { pollMs });
    await client.delete(submissionId);
  });
});
