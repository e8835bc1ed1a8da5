import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { catalogue } from "#tasks";
import { createHttpWorld } from "../support/sides.ts";

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

test("the example of the SDK over HTTP prints what its page says", async () => {
  const world = await createHttpWorld({ published: false });
  try {
    await world.worker({ catalogue, queues: ["default"] });
    const ran = await promisify(execFile)(process.execPath, [path("examples/http.ts")], {
      env: { PATH: process.env["PATH"] ?? "", ...world.variables },
    });
    const page = readFileSync(path("docs/sdk.md"), "utf8");
    const [, code, output] = /```ts\n(.*?)```.*?```text\n(.*?)```/s.exec(page) ?? [];
    expect(code).toBe(readFileSync(path("examples/http.ts"), "utf8"));
    expect(ran.stdout).toBe(output);
  } finally {
    await world.close();
  }
});
