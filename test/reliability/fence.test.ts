import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { catalogue, fencesFile } from "../support/fence-catalogue.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

let world: World;
beforeEach(async () => {
  world = await createWorld({ client: { catalogue } });
});
afterEach(() => world.close());

function runs(): { what: string; attempt: number; fence: number }[] {
  const file = join(world.datasetsDir, fencesFile);
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

const LOVAGE_TEST_CATALOGUE = new URL("../support/fence-catalogue.ts", import.meta.url).href;

test("a worker that wakes up after its job was taken over has the smaller fence", async () => {
  const frozen = await world.workerProcess({ LOVAGE_TEST_CATALOGUE, WORKER_LOCK_DURATION: "1s" });
  const job = await world.client.enqueue("test.fenced" as never, { seconds: 1 } as never);
  await eventually("it runs", async () => (await job.state()) === "active" && runs().length === 1);
  frozen.process.kill("SIGSTOP");
  await world.workerProcess({ LOVAGE_TEST_CATALOGUE, WORKER_LOCK_DURATION: "1s" });
  await job.result({ timeout: "60s" });
  frozen.process.kill("SIGCONT");
  await eventually("the first run ends too", () => runs().filter(({ what }) => what === "end").length === 2);
  const begun = runs().filter(({ what }) => what === "begin");
  expect(begun.map(({ attempt }) => attempt)).toEqual([1, 1]);
  expect(begun[1]?.fence).toBeGreaterThan(begun[0]?.fence ?? 0);
  expect(runs().at(-1)).toEqual({ ...begun[0], what: "end" });
});

test("each attempt has a larger fence than the one before", async () => {
  const worker = await world.workerProcess({ LOVAGE_TEST_CATALOGUE });
  const job = await world.client.enqueue("test.fenced" as never, { failures: 2 } as never);
  await job.result({ timeout: "60s" });
  expect(runs().filter(({ what }) => what === "begin")).toEqual([
    { what: "begin", attempt: 1, fence: 1 },
    { what: "begin", attempt: 2, fence: 2 },
    { what: "begin", attempt: 3, fence: 3 },
  ]);
  await worker.stop();
});
