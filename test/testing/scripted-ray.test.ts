import { afterEach, expect, test } from "vitest";
import { createRayClient } from "../../src/ray-client-http/index.ts";
import { createScriptedRay, type ScriptedRay } from "../../src/testing/index.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

let world: World;
let ray: ScriptedRay;
async function start(jobs: Parameters<typeof createScriptedRay>[0]["jobs"]) {
  ray = await createScriptedRay({ jobs });
  world = await createWorld({ rayAddress: ray.address });
  await world.worker({ rayAddress: ray.address });
}
afterEach(async () => {
  await world.close();
  await ray.close();
});

test("a worker runs its Ray tasks on it: result, progress, log, failure, a retry", async () => {
  await start([
    {
      program: "echo.py",
      running: "1500ms",
      progress: [{ fraction: 0.5, message: "half" }],
      log: ["hello"],
      result: (input: { text: string }) => ({ text: input.text.toUpperCase(), attempt: 1 }),
    },
    { failure: { code: "INPUT_BAD_TEXT", message: "bad", field: "text" } },
    { ends: "FAILED" },
    { result: { text: "b", attempt: 2 } },
  ]);
  const one = await world.client.enqueue("test.ray_echo", { text: "a" });
  const seen = (async () => {
    const messages: string[] = [];
    for await (const { message } of one.progress()) messages.push(message);
    return messages;
  })();
  expect(await one.result({ timeout: "20s" })).toEqual({ text: "A", attempt: 1 });
  expect(await seen).toContain("half");
  expect(await Array.fromAsync(one.logs())).toEqual(["hello"]);
  const bad = await world.client.enqueue("test.ray_echo", {});
  await expect(bad.result({ timeout: "20s" })).rejects.toMatchObject({
    code: "INPUT_BAD_TEXT",
    field: "text",
  });
  const again = await world.client.enqueue("test.ray_echo", { text: "b" });
  expect(await again.result({ timeout: "20s" })).toEqual({ text: "b", attempt: 2 });
  expect(ray.submitted).toMatchObject([
    { program: "echo.py", input: { text: "a" }, status: "SUCCEEDED", metadata: { lovage_job_id: one.id } },
    { status: "FAILED" },
    { status: "FAILED" },
    { status: "SUCCEEDED", metadata: { lovage_attempt: "2" } },
  ]);
});

test("what is cancelled is stopped; what has no script is refused at its submit", async () => {
  await start([{ running: "1h" }]);
  const job = await world.client.enqueue("test.ray_echo", {});
  await eventually("it runs", () => ray.submitted[0]?.status === "RUNNING");
  await job.cancel();
  await expect(job.result({ timeout: "20s" })).rejects.toMatchObject({ code: "JOB_CANCELLED" });
  expect(ray.submitted[0]?.status).toBe("STOPPED");
  const second = await world.client.enqueue("test.ray_echo", {});
  const error = await second.result({ timeout: "20s" }).catch((thrown: unknown) => thrown);
  expect(String(error)).toContain("no scripted Ray job is left for echo.py");
});

test("the Ray client finds its way about", async () => {
  await start({ pending: "1h" });
  const client = createRayClient({ address: ray.address });
  const { submissionId } = await client.submit({ entrypoint: "python a.py", submissionId: "one" });
  expect(await client.get(submissionId)).toMatchObject({ status: "PENDING", entrypoint: "python a.py" });
  expect((await client.submit({ entrypoint: "python a.py", submissionId: "one" })).alreadyExisted).toBe(true);
  expect(await client.list()).toHaveLength(1);
  expect(await client.nodes()).toMatchObject([{ isHead: true, state: "ALIVE" }]);
  await expect(client.get("other")).rejects.toMatchObject({ code: "RAY_NOT_FOUND" });
  expect(await client.stop("one")).toEqual({ stopped: true });
  expect(await client.delete("one")).toEqual({ deleted: true });
  await client.close();
});
