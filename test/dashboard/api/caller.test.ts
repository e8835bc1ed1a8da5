import { expect, test } from "vitest";
import { keyCaller, viewerCaller } from "../../../src/dashboard/api/caller.ts";
import type { ApiKey, KeyScope } from "../../../src/queue/api-keys.ts";

function callerWith(...scopes: KeyScope[]) {
  const key: ApiKey = {
    id: "0123456789ab",
    name: "test",
    scopes,
    rate: "100/s",
    createdAt: new Date(),
    createdBy: "a test",
    expiresAt: null,
    usedAt: null,
  };
  return keyCaller(key);
}

const forbidden = expect.objectContaining({ code: "FORBIDDEN" });
const refuses = (act: () => void) => expect(act).toThrow(forbidden);

test("a key may do what its scopes say, and nothing else", () => {
  const reader = callerWith("read");
  reader.require("read");
  refuses(() => reader.require("enqueue"));
  refuses(() => reader.require("control"));
  refuses(() => reader.requireTask("tasks.simple_tasks.ping"));
  callerWith("enqueue:*").require("enqueue");
});

test.each([
  ["tasks.data_tasks.*", "tasks.data_tasks.aggregate_data", true],
  ["tasks.data_tasks.*", "tasks.ml_tasks.retrain_models", false],
  ["tasks.data_tasks.*", "tasksXdata_tasks.aggregate_data", false],
  ["tasks.data_tasks.*", "other.tasks.data_tasks.x", false],
  ["tasks.*.ping", "tasks.simple_tasks.ping", true],
  ["tasks.simple_tasks.ping", "tasks.simple_tasks.ping", true],
  ["tasks.simple_tasks.ping", "tasks.simple_tasks.ping2", false],
  ["*", "anything", true],
  // Its input names any task at all.
  ["lovage.*", "lovage.canvas", false],
  ["*canvas", "lovage.canvas", false],
  ["*", "lovage.canvas", true],
] as const)("the pattern %s and the task %s: %s", (pattern, task, fits) => {
  const caller = callerWith(`enqueue:${pattern}`);
  if (fits) caller.requireTask(task);
  else refuses(() => caller.requireTask(task));
});

test("a person may do what the role allows", () => {
  const viewer = viewerCaller({ name: "v", role: "viewer" });
  viewer.require("read");
  refuses(() => viewer.require("enqueue"));
  refuses(() => viewer.require("control"));
  const operator = viewerCaller({ name: "o", role: "operator" });
  operator.require("control");
  operator.requireTask("anything");
  refuses(() => operator.requireFinal());
  viewerCaller({ name: "a", role: "admin" }).requireFinal();
});
