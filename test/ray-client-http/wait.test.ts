import { describe, expect, it, vi } from "vitest";
import { isTerminal } from "../../src/ray-client-http/index.ts";
import { json, rayJob, reset, text } from "../support/scripted-ray-server.ts";
import { failure, scripted } from "./fixture.ts";

const status = (value: string) => json(rayJob({ status: value }));
const pollMs = { min: 5, max: 10 };

describe("wait", () => {
  it("goes on through outages until the Ray job is terminal, telling each change once", async () => {
    const { ray, client } = await scripted({ retries: { attempts: 1 } });
    const down = text(500, "500 Internal Server Error\n\nServer got itself in trouble");
    ray.on(
      "GET",
      "/api/jobs/one",
      status("PENDING"),
      status("PENDING"),
      reset,
      down,
      status("RUNNING"),
      text(503, ""),
      status("FAILED"),
    );
    const seen: string[] = [];
    const job = await client.wait("one", { pollMs, onStatus: (now) => seen.push(now.status) });
    expect(job.status).toBe("FAILED");
    expect(seen).toEqual(["PENDING", "RUNNING", "FAILED"]);
  });

  it("ends with RAY_NOT_FOUND, RAY_TIMEOUT, RAY_ABORTED, or Ray's absence when its patience is over", async () => {
    const { ray, client } = await scripted();
    ray.on("GET", "/api/jobs/one", status("RUNNING"));
    ray.on("GET", "/api/jobs/gone", text(404, "Job gone does not exist"));
    ray.on("GET", "/api/jobs/away", reset);
    expect(await failure(client.wait("gone"))).toMatchObject({ code: "RAY_NOT_FOUND" });
    expect(await failure(client.wait("one", { pollMs, timeoutMs: 60 }))).toMatchObject({
      code: "RAY_TIMEOUT",
    });
    expect(await failure(client.wait("away", { pollMs, patienceMs: 60 }))).toMatchObject({
      code: "RAY_UNAVAILABLE",
    });
    const controller = new AbortController();
    const waiting = failure(
      client.wait("one", { pollMs: { min: 60_000, max: 60_000 }, signal: controller.signal }),
    );
    const before = ray.requests.length;
    await vi.waitUntil(() => ray.requests.length > before);
    controller.abort();
    expect(await waiting).toMatchObject({ code: "RAY_ABORTED" });
  });
});

it("isTerminal knows the five statuses", () => {
  const all = ["PENDING", "RUNNING", "STOPPED", "SUCCEEDED", "FAILED"] as const;
  expect(all.filter(isTerminal)).toEqual(["STOPPED", "SUCCEEDED", "FAILED"]);
});
