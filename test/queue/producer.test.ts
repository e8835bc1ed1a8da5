import { expect, test } from "vitest";
import { prepareJob } from "../../src/queue/producer.ts";

const target = { name: "t", queue: "default", retry: { attempts: 1, backoff: 0, maxBackoff: 0 } };

test.each([
  "meta",
  "wait",
  "completed",
  "failed",
  "delayed",
  "events",
  "id",
  "stalled-check",
  "12",
  "a:b",
  "",
])("the id %j would break the queue, so it is refused", (id) => {
  expect(() => prepareJob(target, {}, { id })).toThrow(
    expect.objectContaining({ code: "INPUT_INVALID", field: "id", value: id }),
  );
});

test.each(["nightly", "2026-01-01", "job-12", "a.b_c-d"])("the id %j is a caller's to choose", (id) => {
  expect(prepareJob(target, {}, { id }).opts.jobId).toBe(id);
});
