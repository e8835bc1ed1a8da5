import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

test.each([
  ["scripts/env-example.ts", ".env.example"],
  ["scripts/errors-page.ts", "docs/errors.md"],
])("what %s prints is %s", (script, file) => {
  const printed = execFileSync(process.execPath, [path(script)], { encoding: "utf8" });
  expect(readFileSync(path(file), "utf8"), `run: node ${script} > ${file}`).toBe(printed);
});
