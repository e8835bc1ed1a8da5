import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { apiCaller } from "../support/api.ts";
import { createDashboardWorld } from "../support/dashboard-world.ts";
import { eventually } from "../support/world.ts";

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

test("the example of the HTTP API prints what its page says", async () => {
  const world = await createDashboardWorld();
  const cwd = mkdtempSync(join(tmpdir(), "lovage-example-"));
  try {
    await world.worker();
    const api = await apiCaller(world);
    await eventually("the tasks are published", async () => (await api.get("/tasks")).body.tasks.length > 0);
    const ran = await promisify(execFile)("bash", [path("examples/http-api.sh")], {
      cwd,
      env: { PATH: process.env["PATH"], LOVAGE_API: `${world.url}/api/v1`, LOVAGE_KEY: api.token },
    });
    const page = readFileSync(path("docs/http-api.md"), "utf8");
    const [, script, output] = /```bash\n(.*?)```.*?```text\n(.*?)```/s.exec(page) ?? [];
    expect(script).toBe(readFileSync(path("examples/http-api.sh"), "utf8"));
    expect(ran.stdout).toBe(output);
  } finally {
    await world.close();
    rmSync(cwd, { recursive: true, force: true });
  }
});
