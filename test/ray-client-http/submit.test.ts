import { createServer } from "node:net";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { createRayClient } from "../../src/ray-client-http/index.ts";
import { half, json, rayJob, reset, silence, text } from "../support/scripted-ray-server.ts";
import { failure, scripted } from "./fixture.ts";

const request = { entrypoint: "python one.py", submissionId: "one" };
const existing = text(
  500,
  "ValueError: Job with submission_id one already exists. Please use a different submission_id.",
);
const accepted = json({ job_id: "one", submission_id: "one" });
const missing = text(404, "Job one does not exist");

/** The ways an answer gets lost after Ray may have taken the program. */
const losses = [
  ["a reset", reset],
  ["half an answer", half(JSON.stringify({ job_id: "one", submission_id: "one" }))],
  ["a truncated answer of the right length", text(200, '{"job_id": "on')],
  ["silence", silence],
  ["a 500 without a reason", text(500, "ray.exceptions.RpcError: failed to connect")],
  ["a 502", text(502, "<html><title>Bad Gateway</title></html>")],
  ["a 504", text(504, "")],
  ["no agent", text(500, "No available agent to submit job, please try again later.")],
] as const;

describe("submit", () => {
  it("sends every field by Ray's name, and only those given", async () => {
    const { ray, client } = await scripted();
    ray.on("POST", "/api/jobs/", accepted);
    expect(
      await client.submit({
        ...request,
        runtimeEnv: { working_dir: "gcs://_ray_pkg_1.zip", env_vars: { A: "b" } },
        metadata: { task: "t" },
        entrypointNumCpus: 1,
        entrypointNumGpus: 0.5,
        entrypointMemory: 1_000_000,
        entrypointResources: { special: 2 },
        entrypointLabelSelector: { zone: "!in(a)" },
      }),
    ).toEqual({ submissionId: "one", alreadyExisted: false });
    await client.submit(request);
    expect(ray.requests.map(({ body }) => JSON.parse(body.toString()))).toStrictEqual([
      {
        entrypoint: "python one.py",
        submission_id: "one",
        runtime_env: { working_dir: "gcs://_ray_pkg_1.zip", env_vars: { A: "b" } },
        metadata: { task: "t" },
        entrypoint_num_cpus: 1,
        entrypoint_num_gpus: 0.5,
        entrypoint_memory: 1_000_000,
        entrypoint_resources: { special: 2 },
        entrypoint_label_selector: { zone: "!in(a)" },
      },
      { entrypoint: "python one.py", submission_id: "one" },
    ]);
  });

  it("makes an id of its own, another each time", async () => {
    const { ray, client } = await scripted();
    ray.on("POST", "/api/jobs/", (response, { body }) =>
      json({ submission_id: JSON.parse(body.toString()).submission_id })(response, undefined as never),
    );
    const ids = await Promise.all([client.submit({ entrypoint: "x" }), client.submit({ entrypoint: "x" })]);
    expect(new Set(ids.map((id) => id.submissionId)).size).toBe(2);
    for (const { submissionId } of ids) expect(submissionId).toMatch(/^raysubmit_[a-z0-9]{20}$/);
  });

  it("is RAY_REJECTED with Ray's reason, and looks for nothing then", async () => {
    const { ray, client } = await scripted();
    ray.on("POST", "/api/jobs/", text(400, "Traceback\nTypeError: metadata values must be strings"));
    const error = await failure(client.submit(request));
    expect(error).toMatchObject({ code: "RAY_REJECTED", retryable: false });
    expect(error.message).toContain("metadata values must be strings");
    expect(ray.requests).toHaveLength(1);
    expect(await failure(client.submit({ entrypoint: " " }))).toMatchObject({ code: "RAY_REJECTED" });
  });
});

describe("a submit of an id that exists", () => {
  it("succeeds when it is the same program", async () => {
    const { ray, client } = await scripted();
    ray.on("POST", "/api/jobs/", existing);
    ray.on("GET", "/api/jobs/one", json(rayJob()));
    expect(await client.submit(request)).toEqual({ submissionId: "one", alreadyExisted: true });
  });

  it("is RAY_CONFLICT when it is another program", async () => {
    const { ray, client } = await scripted();
    ray.on("POST", "/api/jobs/", existing);
    ray.on("GET", "/api/jobs/one", json(rayJob({ entrypoint: "python other.py" })));
    const error = await failure(client.submit(request));
    expect(error).toMatchObject({ code: "RAY_CONFLICT", retryable: false });
    expect(error.message).toContain("other.py");
  });

  it("is RAY_CONFLICT when it is gone by the time of the look", async () => {
    const { ray, client } = await scripted();
    ray.on("POST", "/api/jobs/", existing);
    ray.on("GET", "/api/jobs/one", missing);
    expect(await failure(client.submit(request))).toMatchObject({ code: "RAY_CONFLICT" });
  });
});

describe.each(losses)("an answer lost by %s", (_name, loss) => {
  it("is a success when the program was started, a little later even, and nothing is sent twice", async () => {
    const { ray, client } = await scripted({ timeouts: { submitMs: 100 } });
    ray.on("POST", "/api/jobs/", loss);
    ray.on("GET", "/api/jobs/one", missing, reset, missing, json(rayJob({ status: "PENDING" })));
    expect(await client.submit(request)).toEqual({ submissionId: "one", alreadyExisted: false });
    expect(ray.seen("POST", "/api/jobs/")).toHaveLength(1);
  });

  it("is the loss itself when the program was not started", async () => {
    const { ray, client } = await scripted({ timeouts: { submitMs: 100, settleMs: 250 } });
    ray.on("POST", "/api/jobs/", loss);
    ray.on("GET", "/api/jobs/one", missing);
    const error = await failure(client.submit(request));
    expect(error.method).toBe("POST");
    expect(error.retryable).toBe(true);
    expect(["RAY_UNAVAILABLE", "RAY_TIMEOUT"]).toContain(error.code);
    expect(ray.seen("POST", "/api/jobs/")).toHaveLength(1);
    expect(ray.seen("GET", "/api/jobs/one").length).toBeGreaterThan(1);
  });
});

describe("a lost answer", () => {
  it("is RAY_CONFLICT when the id belongs to another program", async () => {
    const { ray, client } = await scripted();
    ray.on("POST", "/api/jobs/", reset);
    ray.on("GET", "/api/jobs/one", json(rayJob({ entrypoint: "python other.py" })));
    expect(await failure(client.submit(request))).toMatchObject({ code: "RAY_CONFLICT" });
  });

  it("of an id made here is settled too", async () => {
    const { ray, client } = await scripted();
    ray.on("POST", "/api/jobs/", (response, seen) => {
      const { submission_id } = JSON.parse(seen.body.toString());
      ray.on("GET", `/api/jobs/${submission_id}`, json(rayJob({ submission_id, entrypoint: "x" })));
      return reset(response, seen);
    });
    expect(await client.submit({ entrypoint: "x" })).toMatchObject({ alreadyExisted: false });
  });

  it("is settled over faults of the cluster's own", async () => {
    const { ray, client } = await scripted();
    const trouble = text(500, "500 Internal Server Error\n\nServer got itself in trouble");
    ray.on("POST", "/api/jobs/", reset);
    ray.on("GET", "/api/jobs/one", trouble, trouble, json(rayJob()));
    expect(await client.submit(request)).toEqual({ submissionId: "one", alreadyExisted: false });
  });

  it("is bounded when the lookups are lost as well", async () => {
    const { ray, client } = await scripted({ timeouts: { settleMs: 300 } });
    ray.on("POST", "/api/jobs/", reset);
    ray.on("GET", "/api/jobs/one", reset, silence);
    const from = performance.now();
    expect(await failure(client.submit(request))).toMatchObject({ code: "RAY_UNAVAILABLE", method: "POST" });
    expect(performance.now() - from).toBeLessThan(10_000);
  });

  it("is not settled against the caller's will", async () => {
    const { ray, client } = await scripted({ timeouts: { settleMs: 60_000 } });
    ray.on("POST", "/api/jobs/", reset);
    ray.on("GET", "/api/jobs/one", missing);
    const controller = new AbortController();
    const call = failure(client.submit(request, { signal: controller.signal }));
    await vi.waitUntil(() => ray.seen("GET", "/api/jobs/one").length > 0);
    controller.abort();
    expect(await call).toMatchObject({ code: "RAY_ABORTED" });
  });

  it("is none when nobody was there to take the request: no lookup, at once", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const bound = server.address();
    await new Promise((resolve) => server.close(resolve));
    const port = typeof bound === "object" ? bound?.port : "";
    const client = createRayClient({ address: `http://127.0.0.1:${port}`, timeouts: { settleMs: 60_000 } });
    onTestFinished(() => client.close());
    expect(await failure(client.submit(request))).toMatchObject({ code: "RAY_UNAVAILABLE", retryable: true });
  });
});
