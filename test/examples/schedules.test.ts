import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { createWorld } from "../support/world.ts";

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

test("the example of schedules prints what its page says", async () => {
  const world = await createWorld();
  try {
    const LOVAGE_TEST_CATALOGUE = pathToFileURL(path("examples/schedules/tasks.ts")).href;
    await world.workerProcess({ LOVAGE_TEST_CATALOGUE, WORKER_QUEUES: "default" });
    await world.workerProcess({ LOVAGE_TEST_CATALOGUE }, "scheduler-process.ts");
    const env = {
      PATH: process.env["PATH"] ?? "",
      REDIS_URL: world.redis.url,
      REDIS_PREFIX: world.prefix,
    };
    const { stdout } = await promisify(execFile)(process.execPath, [path("examples/schedules/main.ts")], {
      env,
    });
    const page = readFileSync(path("docs/schedules.md"), "utf8");
    expect(/```text\n(.*?)```/s.exec(page)?.[1]).toBe(stdout);
    const code = [...page.matchAll(/<!-- (examples\S+) -->\n```ts\n(.*?)```/gs)];
    expect(code).toHaveLength(2);
    for (const [, file = "", text] of code) expect(text).toBe(readFileSync(path(file), "utf8"));
  } finally {
    await world.close();
  }
});
