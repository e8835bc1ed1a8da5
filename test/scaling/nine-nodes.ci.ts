import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { differences, makeDatasets, nineNodes, oneNode, spreadOver } from "./nine-nodes.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "nine-data-"));
  await makeDatasets(folder);
}, 120_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

test("the tasks spread over nine nodes, and come to what one node comes to", async () => {
  const say = (text: string) => process.stderr.write(`${text}\n`);
  const nine = await spreadOver(nineNodes, folder, say);
  for (const { task, nodes } of nine) {
    expect(nodes.of, task).toBe(9);
    // Which of them Ray takes is its own affair; a task that stays on a few does not spread.
    expect(nodes.used, task).toBeGreaterThanOrEqual(3);
  }
  const one = await spreadOver(oneNode, folder, say);
  expect(one.map(({ nodes }) => nodes)).toEqual(one.map(() => ({ used: 1, of: 1 })));
  expect(differences(nine, one)).toEqual([]);
}, 1_800_000);
