import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { createWorld } from "../support/world.ts";

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

test("the example of hooks: a trace from the client to the enqueued job, a tenant check, dependencies", async () => {
  const world = await createWorld();
  const log = join(world.datasetsDir, "shop.log");
  try {
    const worker = await world.workerProcess(
      {
        WORKER_NAME: "one",
        WORKER_QUEUES: "default",
        SHOP_LOG: log,
        LOVAGE_TEST_DEPLOYMENT: path("examples/hooks/tasks.ts"),
      },
      "deployed-worker.ts",
    );
    const env = {
      PATH: process.env["PATH"] ?? "",
      REDIS_URL: world.redis.url,
      REDIS_PREFIX: world.prefix,
    };
    const { stdout } = await promisify(execFile)(process.execPath, [path("examples/hooks/call.ts")], { env });
    await worker.stop();
    const page = readFileSync(path("docs/hooks.md"), "utf8");
    const texts = [...page.matchAll(/```text\n(.*?)```/gs)].map((match) => match[1]);
    expect([stdout, readFileSync(log, "utf8")]).toEqual(texts);
    const code = [...page.matchAll(/<!-- (examples\S+) -->\n```ts\n(.*?)```/gs)];
    expect(code.map((match) => match[1])).toEqual(["examples/hooks/tasks.ts", "examples/hooks/call.ts"]);
    for (const [, file = "", text] of code) expect(text).toBe(readFileSync(path(file), "utf8"));
  } finally {
    await world.close();
  }
});

test("it type-checks by itself: its dependencies are not the project's", async () => {
  const check = promisify(execFile)(path("node_modules/.bin/tsc"), ["-p", path("examples/hooks")]);
  expect((await check.catch((error: { stdout: string }) => error)).stdout).toBe("");
});
