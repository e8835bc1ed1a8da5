import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const logger = fileURLToPath(new URL("../../src/observe/logger.ts", import.meta.url));

function print(format: string): string {
  const script = `
    const { createLogger } = await import(${JSON.stringify(logger)});
    const logger = await createLogger({ level: "info", format: ${JSON.stringify(format)}, base: { worker: "w" } });
    logger.child({ job: "j" }).info({ queue: "ml", redis: { password: "s3cr3t" }, token: "s3cr3t" }, "hello");
    logger.debug({}, "unheard");`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  return stdout;
}

test("one JSON line with the fields of its parents, and no secret", () => {
  const line = print("auto");
  expect(JSON.parse(line)).toMatchObject({ level: "info", worker: "w", job: "j", queue: "ml", msg: "hello" });
  expect(line).not.toContain("s3cr3t");
  expect(line.trim().split("\n")).toHaveLength(1);
});

test("pretty for a person", () => {
  const text = print("pretty");
  expect(text).toMatch(/INFO.*hello/);
  expect(text).not.toContain("s3cr3t");
});
