import { expect, onTestFinished, test } from "vitest";
import { createClusterDoor } from "../../src/bin/cluster-door.ts";
import { createRayClient } from "../../src/ray-client-http/index.ts";
import { oneCluster } from "../support/dashboard-world.ts";
import { json, rayJob, startScriptedRay, type TailScript, text } from "../support/scripted-ray-server.ts";

async function scriptedDoor() {
  const ray = await startScriptedRay();
  const client = createRayClient({ address: ray.url, retries: { baseMs: 5, maxMs: 20 } });
  onTestFinished(async () => {
    await client.close();
    await ray.close();
  });
  return { ray, door: createClusterDoor([oneCluster], { default: client }) };
}

/** Sends a log from its beginning, as Ray does, and ends cleanly. */
const play =
  (log: string): TailScript =>
  (socket) =>
    socket.send(log, () => socket.close(1000));

async function read(lines: AsyncIterable<string[]>): Promise<string[]> {
  const all: string[] = [];
  for await (const some of lines) all.push(...some);
  return all;
}

test("a log that ends before its Ray job is followed on, and each line comes once", async () => {
  const { ray, door } = await scriptedDoor();
  const status = (value: string) => json(rayJob({ status: value }));
  ray.on("GET", "/api/jobs/one", ...["PENDING", "PENDING", "RUNNING", "SUCCEEDED"].map(status));
  ray.onTail("one", play(""), play("a\nb\nhal"), play("a\nb\nhalf\n"), play("a\nb\nhalf\nthe last"));
  const lines = await read(door.log("one", new AbortController().signal));
  expect(lines).toEqual(["a", "b", "half", "the last"]);
  expect(ray.handshakes()).toHaveLength(4);
});

test("of a Ray job that has ended the last lines are read from its node; none when they are gone with it", async () => {
  const { ray, door } = await scriptedDoor();
  const path = "/api/v0/logs/file?node_id=node1&filename=job-driver-one.log&lines=1000";
  ray.on("GET", "/api/jobs/one", json(rayJob({ status: "FAILED", driver_node_id: "node1" })));
  ray.on("GET", path, text(200, "a\nb\n"), text(404, "no such file"));
  const { signal } = new AbortController();
  expect(await read(door.log("one", signal))).toEqual(["a", "b"]);
  expect(await read(door.log("one", signal))).toEqual([]);
  expect(ray.handshakes()).toHaveLength(0);
});

test("a Ray job's row tells the job that made it; of others' there is none, and of unknown ids no row", async () => {
  const { ray, door } = await scriptedDoor();
  const id = "lovage:ml:job-1:00000000:a2";
  const metadata = {
    submitted_by: "lovage",
    lovage_job_id: "job-1",
    lovage_task: "t.a",
    lovage_attempt: "2",
  };
  ray.on("GET", `/api/jobs/${id}`, json(rayJob({ submission_id: id, metadata })));
  ray.on("GET", "/api/jobs/one", json(rayJob()));
  ray.on("GET", "/api/jobs/nobody", text(404, "Job nobody does not exist"));
  expect(await door.rayJob(id)).toMatchObject({ jobId: "job-1", queue: "ml", task: "t.a", attempt: 2 });
  expect(await door.rayJob("one")).toMatchObject({ jobId: null, queue: null, task: null, attempt: null });
  expect(await door.rayJob("nobody")).toBeNull();
  expect(await door.rayJob("no/id")).toBeNull();
});
