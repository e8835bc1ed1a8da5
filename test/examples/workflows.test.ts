import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { catalogue } from "../../examples/workflows/tasks.ts";
import { createWorld } from "../support/world.ts";

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

test("the example of workflows prints what its page says", async () => {
  const world = await createWorld();
  try {
    await world.worker({ catalogue });
    const env = { PATH: process.env["PATH"] ?? "", REDIS_URL: world.redis.url, REDIS_PREFIX: world.prefix };
    const ran = await promisify(execFile)(process.execPath, [path("examples/workflows/run.ts")], { env });
    const page = readFileSync(path("docs/workflows.md"), "utf8");
    const blocks = [...page.matchAll(/```(?:ts|text)\n(.*?)```/gs)].map(([, block]) => block);
    expect(blocks).toContain(ran.stdout);
    for (const file of ["tasks.ts", "run.ts"]) {
      expect(blocks).toContain(readFileSync(path(`examples/workflows/${file}`), "utf8"));
    }
  } finally {
    await world.close();
  }
});
