import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { catalogue } from "#tasks";
import { createWorld, type World } from "../support/world.ts";

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

let world: World;
// One for each: what one of them leaves to run later would be among the events that the next one prints.
beforeEach(async () => {
  world = await createWorld();
  await world.worker({ catalogue, queues: ["default"], name: "host-1" });
});
afterEach(() => world.close());

test.each(["calling", "results", "dead-letters"])(
  "the example of %s prints what its page says",
  async (name) => {
    const ran = await promisify(execFile)(process.execPath, [path(`examples/${name}.ts`)], {
      env: { PATH: process.env["PATH"] ?? "", REDIS_URL: world.redis.url, REDIS_PREFIX: world.prefix },
    });
    const page = readFileSync(path(`docs/${name}.md`), "utf8");
    const [, code, output] = /```ts\n(.*?)```.*?```text\n(.*?)```/s.exec(page) ?? [];
    expect(code).toBe(readFileSync(path(`examples/${name}.ts`), "utf8"));
    expect(ran.stdout).toBe(output);
  },
);
