import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lovage-reports-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What the end of a run says of these reports. */
function count(failedSteps: number, reports: Record<string, string>) {
  const files = Object.entries(reports).map(([name, text]) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  });
  const program = join(root, "scripts/count_tests.py");
  const ran = spawnSync(join(root, ".venv/bin/python"), [program, String(failedSteps), ...files], {
    encoding: "utf8",
  });
  return { code: ran.status, lines: ran.stdout.trimEnd().split("\n") };
}

const good = '<testsuites><testsuite tests="3" failures="0" errors="0" skipped="1"/></testsuites>';

test("all reports are added up, of tests, faults, benchmarks and nine nodes", () => {
  const { code, lines } = count(0, {
    "vitest.xml": good,
    "chaos.json": JSON.stringify({
      faults: [
        { fault: "a", passed: true },
        { fault: "b", passed: false, skipped: "no root" },
      ],
    }),
    "bench.json": JSON.stringify({ shapes: [{}, {}], faults: [] }),
    "nine-nodes.json": JSON.stringify({ tasks: [{}, {}, {}, {}], faults: [] }),
  });
  expect(lines.at(-1)).toBe("9 passed, 0 failed, 2 skipped");
  expect(code).toBe(0);
});

test("what failed is named, with what it said, before the sum", () => {
  const { code, lines } = count(1, {
    "vitest.xml": `<testsuites><testsuite tests="2" failures="1" errors="0" skipped="0">
      <testcase classname="test/a.test.ts" name="it &gt; works"><failure message="m">Error: no\n  at line 3</failure></testcase>
      <testcase classname="test/a.test.ts" name="fine"/>
    </testsuite></testsuites>`,
    "bench.json": JSON.stringify({ shapes: [{}], faults: ["drain broke off"] }),
  });
  expect(lines.filter((line) => line !== "")).toEqual([
    "failed: drain broke off",
    "failed: test/a.test.ts > it > works",
    "  Error: no",
    "    at line 3",
    "2 passed, 2 failed",
  ]);
  expect(code).toBe(1);
});

test("a step that failed without a failed test, a report that broke off, and nothing at all are failures", () => {
  expect(count(1, { "vitest.xml": good }).lines.at(-1)).toBe("2 passed, 1 failed, 1 skipped");
  const broken = count(0, { "chaos.json": "{" });
  expect(broken.lines[0]).toMatch(/^failed: .*chaos\.json is not whole$/);
  expect(broken.code).toBe(1);
  expect(count(0, {})).toMatchObject({ code: 1 });
});
