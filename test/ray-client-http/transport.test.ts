import { createServer, type Server } from "node:net";
import { inspect } from "node:util";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { createRayClient } from "../../src/ray-client-http/index.ts";
import { makeCertificate } from "../support/certificate.ts";
import {
  half,
  json,
  rayJob,
  reset,
  silence,
  startScriptedRay,
  text,
} from "../support/scripted-ray-server.ts";
import { failure, scripted } from "./fixture.ts";

const version = { version: "4", ray_version: "2.60.0", ray_commit: "b7f", session_name: "session_1" };

describe("what is sent", () => {
  it("looks like no browser, carries token and headers, and goes below the prefix", async () => {
    const { ray, client } = await scripted({ token: "secret-token", headers: { "X-Team": "a" } }, "/team/");
    ray.on("GET", "/team/api/version", json(version));
    await client.version();
    const [request] = ray.requests;
    expect(request?.headers).toMatchObject({ authorization: "Bearer secret-token", "x-team": "a" });
    const names = Object.keys(request?.headers ?? {}).join(" ");
    expect(names).not.toMatch(/sec-fetch|origin|referer/);
    expect(request?.headers["user-agent"]).not.toMatch(/mozilla/i);
  });

  it("ends in a slash for the list", async () => {
    const { ray, client } = await scripted();
    ray.on(
      "GET",
      "/api/jobs/",
      json([rayJob(), rayJob({ type: "DRIVER", submission_id: null, job_id: "02000000" })]),
    );
    expect(await client.list()).toMatchObject([
      { type: "SUBMISSION", submissionId: "one" },
      { type: "DRIVER", submissionId: null, jobId: "02000000" },
    ]);
  });

  it.each(["a/b", "", "..", "a b", "é", "a?b", "x".repeat(257)])("is nothing for the id %j", async (id) => {
    const { ray, client } = await scripted();
    const calls = [
      client.get(id),
      client.stop(id),
      client.delete(id),
      client.logs(id),
      client.logTail(id, { nodeId: "n", lines: 1 }),
      client.tail(id).next(),
      client.wait(id),
      client.submit({ entrypoint: "x", submissionId: id }),
    ];
    for (const error of await Promise.all(calls.map(failure)))
      expect(error).toMatchObject({ code: "RAY_REJECTED" });
    expect(ray.requests).toHaveLength(0);
  });
});

describe("what is read", () => {
  it("is a Ray job with every field, new ones left aside, missing ones null", async () => {
    const { ray, client } = await scripted();
    ray.on(
      "GET",
      "/api/jobs/one",
      json(
        rayJob({
          driver_info: { id: "02000000", node_ip_address: "10.0.0.1", pid: "77", new: 1 },
          metadata: { a: "b" },
          runtime_env: { env_vars: {} },
          driver_exit_code: 0,
          status: "SUCCEEDED",
          brand_new: { field: 1 },
        }),
      ),
      json({ status: "PENDING", entrypoint: "x" }),
    );
    expect(await client.get("one")).toStrictEqual({
      type: "SUBMISSION",
      jobId: null,
      submissionId: "one",
      status: "SUCCEEDED",
      entrypoint: "python one.py",
      message: "Job is currently running.",
      errorType: null,
      startTime: 1_795_505_131_640,
      endTime: null,
      metadata: { a: "b" },
      runtimeEnv: { env_vars: {} },
      driverInfo: { id: "02000000", nodeIpAddress: "10.0.0.1", pid: "77" },
      driverNodeId: null,
      driverExitCode: 0,
      driverAgentHttpAddress: null,
    });
    expect(await client.get("one")).toMatchObject({ status: "PENDING", metadata: null, startTime: null });
  });

  it("is RAY_PROTOCOL when it is broken JSON or of another shape, and is not asked again", async () => {
    const { ray, client } = await scripted();
    ray.on(
      "GET",
      "/api/jobs/one",
      (response) => response.end('{"status": "RUNN'),
      json({ status: "DANCING" }),
    );
    expect(await failure(client.get("one"))).toMatchObject({
      code: "RAY_PROTOCOL",
      body: '{"status": "RUNN',
    });
    const error = await failure(client.get("one"));
    expect(error).toMatchObject({ code: "RAY_PROTOCOL", retryable: false });
    expect(error.message).toContain("status");
    expect(ray.requests).toHaveLength(2);
  });

  it.each([
    [401, "RAY_UNAUTHORIZED"],
    [403, "RAY_UNAUTHORIZED"],
    [405, "RAY_PROTOCOL"],
    [302, "RAY_PROTOCOL"],
  ])("a %i is %s at once", async (status, code) => {
    const { ray, client } = await scripted();
    ray.on("GET", "/api/version", text(status, "no"));
    expect(await failure(client.version())).toMatchObject({
      code,
      status,
      method: "GET",
      path: "/api/version",
    });
    expect(ray.requests).toHaveLength(1);
  });

  it("stops at a limit", async () => {
    const { ray, client } = await scripted();
    let cut = false;
    ray.on("GET", "/api/jobs/one/logs", (response) => {
      response.on("close", () => {
        cut = true;
      });
      const pour = () => {
        while (response.write(Buffer.alloc(65_536, 97)));
      };
      response.on("drain", pour);
      pour();
    });
    expect(await failure(client.logs("one", { maxBytes: 1_000_000 }))).toMatchObject({
      code: "RAY_RESPONSE_TOO_LARGE",
      message: expect.stringContaining("1000000"),
    });
    await vi.waitUntil(() => cut);
  });

  it("is RAY_PROTOCOL when what answers does not speak HTTP", async () => {
    const { address } = await listen(
      createServer((socket) => socket.once("data", () => socket.end("SSH-2.0\r\n"))),
    );
    expect(await failure(clientOf(address).version())).toMatchObject({ code: "RAY_PROTOCOL" });
  });
});

describe("retries", () => {
  it.each([
    ["a reset", reset],
    ["half an answer", half(JSON.stringify(version))],
    ["502", text(502, "")],
    ["503", text(503, "")],
    ["504", text(504, "")],
  ])("get a GET through %s", async (_name, fault) => {
    const { ray, client } = await scripted();
    ray.on("GET", "/api/version", fault, fault, json(version));
    expect(await client.version()).toEqual({
      version: "4",
      rayVersion: "2.60.0",
      rayCommit: "b7f",
      sessionName: "session_1",
    });
    expect(ray.requests).toHaveLength(3);
  });

  it("end after the given tries, with the last fault", async () => {
    const { ray, client } = await scripted({ retries: { attempts: 4, baseMs: 1 } });
    ray.on("GET", "/api/version", reset);
    expect(await failure(client.version())).toMatchObject({ code: "RAY_UNAVAILABLE", retryable: true });
    expect(ray.requests).toHaveLength(4);
  });

  it("repeat a stop, never a delete", async () => {
    const { ray, client } = await scripted();
    ray.on("POST", "/api/jobs/one/stop", reset, json({ stopped: true }));
    ray.on("DELETE", "/api/jobs/one", reset, json({ deleted: true }));
    expect(await client.stop("one")).toEqual({ stopped: true });
    expect(await failure(client.delete("one"))).toMatchObject({ code: "RAY_UNAVAILABLE" });
    expect(ray.seen("DELETE", "/api/jobs/one")).toHaveLength(1);
  });

  it("do not outlive the caller's signal", async () => {
    const { ray, client } = await scripted({ retries: { attempts: 100, baseMs: 60_000, maxMs: 60_000 } });
    ray.on("GET", "/api/version", reset);
    const controller = new AbortController();
    const call = failure(client.version({ signal: controller.signal }));
    await vi.waitUntil(() => ray.requests.length === 1);
    controller.abort(new Error("enough"));
    expect(await call).toMatchObject({ code: "RAY_ABORTED", retryable: false, cause: { message: "enough" } });
  });
});

describe("the end of a call", () => {
  it("is RAY_TIMEOUT when nothing, or only a part, comes in time", async () => {
    const { ray, client } = await scripted();
    ray.on("GET", "/api/version", silence, (response) => response.write('{"version"'));
    for (let call = 0; call < 2; call++) {
      expect(await failure(client.version({ timeoutMs: 80 }))).toMatchObject({
        code: "RAY_TIMEOUT",
        retryable: true,
      });
    }
  });

  it("is RAY_ABORTED by an aborted signal, before anything is sent", async () => {
    const { ray, client } = await scripted();
    expect(await failure(client.version({ signal: AbortSignal.abort() }))).toMatchObject({
      code: "RAY_ABORTED",
    });
    expect(ray.requests).toHaveLength(0);
  });

  it("is RAY_ABORTED by close, also for later calls; close may be called twice", async () => {
    const { ray, client } = await scripted();
    ray.on("GET", "/api/version", silence);
    const call = failure(client.version());
    await vi.waitUntil(() => ray.requests.length === 1);
    await client.close();
    await client.close();
    expect(await call).toMatchObject({ code: "RAY_ABORTED" });
    expect(await failure(client.version())).toMatchObject({ code: "RAY_ABORTED" });
  });

  it("is RAY_UNAVAILABLE when nobody listens, or the name is unknown", async () => {
    const { address, server } = await listen(createServer());
    await new Promise((resolve) => server.close(resolve));
    expect(await failure(clientOf(address).version())).toMatchObject({
      code: "RAY_UNAVAILABLE",
      retryable: true,
    });
    const unknown = await failure(clientOf("http://ray.invalid:8265").version());
    expect(unknown).toMatchObject({ code: "RAY_UNAVAILABLE", retryable: true });
  });
});

it("keeps the token out of every error, even when the server echoes it", async () => {
  const token = "very-secret-token";
  const { ray, client } = await scripted({ token, headers: { "x-key": "other-secret" } });
  const echo = (status: number) =>
    text(
      status,
      `{"version": "Bearer ${token}, other-secret", "ray_version": 1}\nValueError: Bearer ${token}`,
    );
  for (const status of [200, 400, 401, 500, 503]) {
    ray.on("GET", "/api/version", echo(status));
    const shown = inspect(await failure(client.version()), { depth: 10 });
    expect(shown).not.toMatch(/very-secret-token|other-secret/);
  }
  ray.on("GET", "/api/version", json({ version: `Bearer ${token}` }), reset);
  for (let call = 0; call < 2; call++) {
    expect(inspect(await failure(client.version()), { depth: 10 })).not.toContain(token);
  }
});

describe("TLS", () => {
  it("trusts the given CA, and says what is wrong without it", async () => {
    const tls = makeCertificate();
    const ray = await startScriptedRay(tls);
    onTestFinished(ray.close);
    ray.on("GET", "/api/version", json(version));
    ray.onTail("one", (socket) => socket.send("safe", () => socket.close(1000)));
    const trusting = clientOf(ray.url, tls.ca);
    expect(await trusting.version()).toMatchObject({ rayVersion: "2.60.0" });
    expect(await trusting.tail("one").next()).toMatchObject({ value: { text: "safe" } });
    const wary = clientOf(ray.url);
    const refusal = { code: "RAY_UNAVAILABLE", retryable: false, message: expect.stringContaining("TLS") };
    expect(await failure(wary.version())).toMatchObject(refusal);
    expect(await failure(wary.tail("one").next())).toMatchObject(refusal);
    expect(await failure(wary.submit({ entrypoint: "x" }))).toMatchObject(refusal);
  });
});

function clientOf(address: string, ca?: string) {
  const client = createRayClient({ address, ca, retries: { attempts: 1 } });
  onTestFinished(() => client.close());
  return client;
}

async function listen(server: Server): Promise<{ address: string; server: Server }> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const bound = server.address();
  return { address: `http://127.0.0.1:${typeof bound === "object" ? bound?.port : ""}`, server };
}
