import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { BenchDocument } from "../../bench/document.ts";

const program = fileURLToPath(new URL("../../bench/bench.ts", import.meta.url));
const bench = (...args: string[]) => promisify(execFile)(process.execPath, [program, ...args]);

test("a run prints one document, and its progress elsewhere", { timeout: 400_000 }, async () => {
  const peers = ["--peers", "lovage,bullmq"];
  const { stdout, stderr } = await bench(
    "--quick",
    "--json",
    "--rounds",
    "1",
    "--only",
    "round-trip",
    ...peers,
  );
  const document = BenchDocument.parse(JSON.parse(stdout));
  expect(document.faults).toEqual([]);
  expect(document.shapes.map(({ shape }) => shape)).toEqual(["round-trip-p50", "round-trip-p99"]);
  for (const { peers: measured } of document.shapes) {
    expect(measured.map(({ peer }) => peer)).toEqual(["lovage", "bullmq"]);
    for (const { median, ratio } of measured) expect([median > 0, ratio > 0]).toEqual([true, true]);
  }
  expect(document.versions).toMatchObject({ node: process.versions.node, bullmq: expect.any(String) });
  expect(stderr).toContain("round-trip, round 1 of 1, lovage");
});

test("a wrong name ends with 2 before anything is started", async () => {
  await expect(bench("--only", "nothing")).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining("there is no shape nothing"),
  });
});
