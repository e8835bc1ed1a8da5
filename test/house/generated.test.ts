import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

test.each([
  ["scripts/env-example.ts", ".env.example"],
  ["scripts/errors-page.ts", "docs/errors.md"],
  ["scripts/grafana-dashboards.ts overview", "deploy/grafana/overview.json"],
  ["scripts/grafana-dashboards.ts workers", "deploy/grafana/workers.json"],
  ["scripts/grafana-dashboards.ts ray", "deploy/grafana/ray.json"],
])("what %s prints is %s", (script, kept) => {
  const [file = "", ...args] = script.split(" ");
  const printed = execFileSync(process.execPath, [path(file), ...args], { encoding: "utf8" });
  expect(readFileSync(path(kept), "utf8"), `run: node ${script} > ${kept}`).toBe(printed);
});
