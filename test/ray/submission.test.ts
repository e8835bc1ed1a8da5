import { expect, test } from "vitest";
import { buildSubmission, submissionId } from "../../src/ray/submission.ts";

const attempt = { jobId: "a/b c", task: "t", queue: "ml", attempt: 2, enqueuedAt: 1000 };
const settings = {
  world: "lovage",
  datasetsDir: "/d",
  modelsDir: "/m",
  uriSchemes: ["s3"],
  pip: undefined,
  unavailableTimeout: 1,
};
const definition = {
  program: "x.py",
  resources: { cpus: 1, custom: { disk: 2 }, labels: { zone: "a" } },
  deadlines: { start: 1, run: 1 },
  environment: { MODE: "fast" },
};

test("the submission id is made from the attempt, of letters that Ray takes", () => {
  const id = submissionId(attempt, "lovage");
  expect(id).toMatch(/^lovage:ml:a_b_c:[0-9a-f]{8}:a2$/);
  expect(submissionId({ ...attempt }, "lovage")).toBe(id);
  expect(submissionId({ ...attempt, attempt: 3 }, "lovage")).not.toBe(id);
});

test("a job whose id was another's before, or is another's elsewhere, never meets that one's Ray job", () => {
  const id = submissionId(attempt, "lovage");
  expect(submissionId({ ...attempt, enqueuedAt: 1001 }, "lovage")).not.toBe(id);
  expect(submissionId(attempt, "staging")).not.toBe(id);
});

test("the input travels in the environment: not in the command, not in the metadata", () => {
  const submission = buildSubmission(definition, attempt, { secret: "s3cr3t" }, "gcs://p.zip", settings);
  expect(submission).toMatchObject({
    entrypoint: "python x.py",
    entrypointNumCpus: 1,
    entrypointResources: { disk: 2 },
    entrypointLabelSelector: { zone: "a" },
    runtimeEnv: {
      working_dir: "gcs://p.zip",
      env_vars: { MODE: "fast", LOVAGE_INPUT: '{"secret":"s3cr3t"}', LOVAGE_DATASETS_DIR: "/d" },
    },
  });
  expect(submission).not.toHaveProperty("entrypointNumGpus");
  expect(submission.runtimeEnv).not.toHaveProperty("pip");
  expect(JSON.stringify([submission.entrypoint, submission.metadata])).not.toContain("s3cr3t");
});

test("pip requirements only where they are asked for", () => {
  const { runtimeEnv } = buildSubmission(definition, attempt, {}, "gcs://p.zip", {
    ...settings,
    pip: ["duckdb==2"],
  });
  expect(runtimeEnv["pip"]).toEqual(["duckdb==2"]);
});
