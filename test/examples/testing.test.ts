import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const read = (name: string) => readFileSync(fileURLToPath(new URL(`../../${name}`, import.meta.url)), "utf8");

test("all code of the page on testing is code that runs", () => {
  const code = ["tasks.ts", "tasks.test.ts", "cluster.test.ts"].map((name) =>
    read(`examples/testing/${name}`),
  );
  const blocks = [...read("docs/testing.md").matchAll(/```ts\n(.*?)```/gs)].map((match) => match[1] ?? "");
  expect(blocks.length).toBeGreaterThan(5);
  expect(blocks.filter((block) => !code.some((text) => text.includes(block)))).toEqual([]);
});
