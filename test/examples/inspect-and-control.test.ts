import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { createWorld, eventually } from "../support/world.ts";

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

test("the example of inspection and control prints what its page says", async () => {
  const world = await createWorld();
  try {
    await world.workerProcess({ WORKER_NAME: "one", WORKER_QUEUES: "default", DEFAULT_CONCURRENCY: "2" });
    const running = await world.client.enqueue(
      "test.echo",
      { seconds: 60 },
      { id: "train-1", tags: ["nightly"] },
    );
    await world.client.enqueue("test.echo", {}, { id: "train-2", tags: ["nightly"], delay: "1h" });
    await eventually("it runs", async () => (await running.state()) === "active");
    const env = {
      PATH: process.env["PATH"] ?? "",
      REDIS_URL: world.redis.url,
      REDIS_PREFIX: world.prefix,
    };
    const ran = await promisify(execFile)(process.execPath, [path("examples/inspect-and-control.ts")], {
      env,
    });
    const page = readFileSync(path("docs/inspect-and-control.md"), "utf8");
    const [, code, output] = /```ts\n(.*?)```.*?```text\n(.*?)```/s.exec(page) ?? [];
    expect(ran.stdout).toBe(output);
    expect(code).toBe(readFileSync(path("examples/inspect-and-control.ts"), "utf8"));
  } finally {
    await world.close();
  }
});
