import picocolors from "picocolors";
import { expect, test } from "vitest";
import type { WorkflowNode } from "#client";
import { renderTree } from "../../src/cli/workflow.ts";

const at = (seconds: number) => new Date(Date.UTC(2026, 0, 2, 3, 4, seconds));

function node(changes: Partial<WorkflowNode>): WorkflowNode {
  return {
    kind: "task",
    name: "test.add",
    id: "w",
    queue: "default",
    state: "completed",
    attempt: 1,
    attempts: 1,
    enqueuedAt: at(0),
    startedAt: at(0),
    endedAt: at(2),
    error: undefined,
    calls: [],
    counts: { calls: 0, completed: 0, failed: 0, pending: 0 },
    ...changes,
  };
}

test("a workflow is shown as a tree with states, times, errors and what is not shown", () => {
  const inner = node({
    name: "test.inner",
    id: "w~1",
    state: "failed",
    attempt: 2,
    attempts: 3,
    error: { code: "BROKEN", message: "it broke\nin two" },
    calls: [node({ id: "w~1~0" })],
    counts: { calls: 1, completed: 1, failed: 0, pending: 0 },
  });
  const tree = node({
    name: "test.outer",
    state: "active",
    startedAt: at(5),
    endedAt: undefined,
    calls: [
      node({
        id: "w~0",
        kind: "sleep",
        name: "86400000",
        state: "scheduled",
        startedAt: undefined,
        endedAt: undefined,
      }),
      inner,
      node({ id: "w~2", kind: "step", name: "ids", enqueuedAt: undefined }),
    ],
    counts: { calls: 7, completed: 2, failed: 1, pending: 4 },
  });
  expect(renderTree(tree, { colors: picocolors.createColors(false) }, at(20))).toBe(
    [
      "test.outer  active  15.0s after 5.0s of waiting  w",
      "├─ sleep 24h 0m  scheduled  20.0s  ~0",
      "├─ test.inner  failed  2.0s  attempt 2 of 3  ~1",
      "│  │  BROKEN: it broke",
      "│  └─ test.add  completed  2.0s  ~0",
      "├─ step ids  completed",
      "└─ … 4 more calls (of all: 2 completed, 1 failed, 4 pending)",
    ].join("\n"),
  );
});
