import { createRayClient } from "lovage/ray-client-http";
import { createScriptedRay } from "lovage/testing";
import { expect, test } from "vitest";

test("a Ray cluster that runs scripts: a real server, for code that speaks to one", async () => {
  const ray = await createScriptedRay({
    jobs: [
      { program: "train.py", running: "100ms", log: ["epoch 1"], result: { accuracy: 0.9 } },
      { program: "train.py", failure: { code: "INPUT_EMPTY", message: "no rows" } },
    ],
  });
  const client = createRayClient({ address: ray.address });
  const statuses = [];
  for (const _run of [1, 2]) {
    const { submissionId } = await client.submit({ entrypoint: "python train.py" });
    statuses.push((await client.wait(submissionId)).status);
  }
  expect(statuses).toEqual(["SUCCEEDED", "FAILED"]);
  expect(ray.submitted.map((rayJob) => rayJob.program)).toEqual(["train.py", "train.py"]);
  await client.close();
  await ray.close();
});
