import { expect, test } from "vitest";
import { describeError, LovageError, toLovageError } from "../../src/core/errors.ts";

test("an error survives the way through JSON", () => {
  const error = new LovageError("INPUT_INVALID", "bad", {
    field: "a.b",
    value: 5,
    hint: "mend it",
    cause: new Error("why"),
  });
  const back = LovageError.fromRecord(JSON.parse(JSON.stringify(error.toRecord())));
  expect(back).toMatchObject({
    code: "INPUT_INVALID",
    message: "bad",
    field: "a.b",
    value: "5",
    hint: "mend it",
  });
  expect(back.retryable).toBe(false);
  expect(back.cause).toBe("Error: why");
  expect(back.stack).toBe(error.stack);
});

test("whether to try again comes from the table, or from the error", () => {
  expect(new LovageError("JOB_FAILED", "x").retryable).toBe(true);
  expect(new LovageError("INPUT_INVALID", "x").retryable).toBe(false);
  expect(new LovageError("INPUT_INVALID", "x", { retryable: true }).retryable).toBe(true);
  expect(new LovageError("SOMEBODY_ELSES", "x").retryable).toBe(false);
});

test("anything thrown becomes a coded error that keeps its cause", () => {
  const plain = new Error("boom");
  expect(toLovageError(plain)).toMatchObject({
    code: "JOB_FAILED",
    message: "boom",
    retryable: true,
    cause: plain,
  });
  const coded = Object.assign(new Error("gone"), { code: "RAY_REJECTED", retryable: false });
  expect(toLovageError(coded)).toMatchObject({ code: "RAY_REJECTED", retryable: false });
  // Node's own errors have codes too, but say nothing of retries.
  expect(toLovageError(Object.assign(new Error("refused"), { code: "ECONNREFUSED" }))).toMatchObject({
    code: "JOB_FAILED",
  });
  expect(toLovageError("text")).toMatchObject({
    code: "JOB_FAILED",
    message: expect.stringContaining("text"),
  });
  expect(describeError(new Error("a", { cause: new Error("b") }))).toBe("Error: a (Error: b)");
});
