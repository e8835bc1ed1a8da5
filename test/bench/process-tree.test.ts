import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { treeCpuSeconds, treeResidentBytes } from "../../bench/process-tree.ts";

const megabyte = 1024 * 1024;

test("children count, and what they share with their parent counts once", async () => {
  // 100 MiB that both have, and 50 that only the child has.
  const program = `
import os, sys, time
shared = bytearray(os.urandom(1 << 20) * 100)
if os.fork() == 0:
    own = bytearray(os.urandom(1 << 20) * 50)
    begun = time.process_time()
    while time.process_time() - begun < 0.3: pass
    print("ready", flush=True)
    sys.stdin.read()
    os._exit(0)
os.wait()`;
  const child = spawn("python3", ["-c", program], { stdio: ["pipe", "pipe", "inherit"] });
  await once(child.stdout, "data");
  const bytes = treeResidentBytes(child.pid ?? 0) / megabyte;
  const seconds = treeCpuSeconds(child.pid ?? 0);
  child.stdin.end();
  await once(child, "exit");
  expect(bytes).toBeGreaterThan(150);
  expect(bytes).toBeLessThan(220);
  expect(seconds).toBeGreaterThanOrEqual(0.3);
});

test("a process that has ended has neither", () => {
  expect(treeResidentBytes(2 ** 22 + 1)).toBe(0);
  expect(treeCpuSeconds(2 ** 22 + 1)).toBe(0);
});
