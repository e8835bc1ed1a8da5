import { execFile, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const logger = fileURLToPath(new URL("../../src/observe/logger.ts", import.meta.url));

const scriptOf = (format: string) => `
    const { createLogger } = await import(${JSON.stringify(logger)});
    const logger = await createLogger({ level: "info", format: ${JSON.stringify(format)}, base: { worker: "w" } });
    logger.child({ job: "j" }).info({ queue: "ml", redis: { password: "s3cr3t" }, token: "s3cr3t" }, "hello");
    logger.debug({}, "unheard");`;
const argumentsOf = (format: string) => ["--input-type=module", "-e", scriptOf(format)];

async function ended(format: string): Promise<string> {
  return (await promisify(execFile)(process.execPath, argumentsOf(format))).stdout;
}

function print(format: string): string {
  const { stdout, stderr } = spawnSync(process.execPath, argumentsOf(format), { encoding: "utf8" });
  expect(stderr).toBe("");
  return stdout;
}

test("one JSON line with the fields of its parents, and no secret", () => {
  const line = print("auto");
  expect(JSON.parse(line)).toMatchObject({ level: "info", worker: "w", job: "j", queue: "ml", msg: "hello" });
  expect(line).not.toContain("s3cr3t");
  expect(line.trim().split("\n")).toHaveLength(1);
});

test("nothing is lost when the process ends right after its last line, however busy the machine is", async () => {
  const ends = Array.from({ length: 8 }, () => ended("auto"));
  for (const line of await Promise.all(ends)) expect(line).toMatch(/"hello"/);
});

test("pretty for a person", () => {
  const text = print("pretty");
  expect(text).toMatch(/INFO.*hello/);
  expect(text).not.toContain("s3cr3t");
});
