import {
  existsSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import * as z from "zod";
import type { TaskContext } from "#task";
import { cleanupOldResults, ping } from "../../tasks/simple_tasks.ts";
import { createTestContext } from "./task-context.ts";

const day = 86_400_000;
const now = Date.now();

async function cleanUp(context: TaskContext, input: object = {}) {
  const report = await cleanupOldResults.run?.(cleanupOldResults.input.parse(input), context);
  return cleanupOldResults.output.parse(report);
}

function folders() {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "lovage-scratch-")));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const datasetsDir = join(root, "datasets");
  const modelsDir = join(root, "models");
  mkdirSync(datasetsDir);
  mkdirSync(modelsDir);
  const age = (path: string, days: number) => {
    const at = new Date(now - days * day);
    utimesSync(path, at, at);
    return path;
  };
  const file = (path: string, days: number) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), "12345");
    return age(join(root, path), days);
  };
  const folder = (path: string, days: number) => {
    mkdirSync(join(root, path), { recursive: true });
    return age(join(root, path), days);
  };
  return { root, datasetsDir, modelsDir, age, file, folder };
}

const scratchOf = (report: z.infer<typeof cleanupOldResults.output>) => report.scratch;
const partial = (name: string) => `.lovage-partial.lovage-ml-42-1.0123abcd.${name}`;
const rayJob = (submissionId: string, days: number | null) => ({
  submissionId,
  status: "SUCCEEDED" as const,
  endedAt: days === null ? null : now - days * day,
});

test("ages are read, and by default a week", async () => {
  const { context } = createTestContext();
  const removeEnded = vi.spyOn(context.broker, "removeEnded");
  const removeLogs = vi.spyOn(context.broker, "removeLogs");
  await cleanUp(context);
  expect(removeEnded).toHaveBeenLastCalledWith(7 * day, false);
  expect(removeLogs).toHaveBeenLastCalledWith(7 * day, false);
  await cleanUp(context, { olderThan: "12h", logsOlderThan: "90s", dryRun: true });
  expect(removeEnded).toHaveBeenLastCalledWith(day / 2, true);
  expect(removeLogs).toHaveBeenLastCalledWith(90_000, true);
  expect(cleanupOldResults.input.parse({ olderThan: "2w" }).olderThan).toBe(14 * day);
});

test.each(["", "7", "-1d", "7 days", "1.5h", 7])("refuses the age %j", (olderThan) => {
  expect(cleanupOldResults.input.safeParse({ olderThan }).success).toBe(false);
});

test("its input can be published", () => {
  expect(z.toJSONSchema(cleanupOldResults.input, { io: "input" })).toMatchObject({
    properties: { olderThan: { type: "string", default: "7d" } },
  });
  expect(ping.input.parse({})).toEqual({});
});

test("counts of the broker are handed on, with progress to the end", async () => {
  const { context, progress } = createTestContext();
  const counts = { ml: { completed: 3, failed: 1 } };
  const broker = { ...context.broker, removeEnded: async () => counts, removeLogs: async () => 5 };
  const report = await cleanUp({ ...context, broker });
  expect(report).toMatchObject({ dryRun: false, jobs: counts, logs: 5 });
  expect(progress.at(-1)?.fraction).toBe(1);
});

function rayWorld(deleteRayJob: (id: string) => Promise<boolean> = async () => true) {
  const { context, logged } = createTestContext();
  const asked: string[] = [];
  const cluster = {
    ...context.cluster,
    finishedRayJobs: async () => [
      rayJob("old-1", 8),
      rayJob("new", 6),
      rayJob("old-2", 9),
      rayJob("undated", null),
    ],
    deleteRayJob: (id: string) => {
      asked.push(id);
      return deleteRayJob(id);
    },
  };
  return { context: { ...context, cluster }, asked, logged };
}
const fail = (code: string) => async (): Promise<never> => {
  throw Object.assign(new Error("no"), { code });
};

test("only Ray jobs that ended before the age are deleted", async () => {
  const { context, asked } = rayWorld();
  expect((await cleanUp(context)).ray).toEqual({ deleted: 2, failed: 0 });
  expect(asked).toEqual(["old-1", "old-2"]);
  expect((await cleanUp(context, { rayJobsOlderThan: "5d" })).ray.deleted).toBe(3);
});

test("a Ray job that is gone already is not counted", async () => {
  const { context } = rayWorld(async (id) => id === "old-2");
  expect((await cleanUp(context)).ray).toEqual({ deleted: 1, failed: 0 });
});

test("a refused deletion is counted and the next is tried", async () => {
  const { context, asked } = rayWorld(fail("RAY_REJECTED"));
  expect((await cleanUp(context)).ray).toEqual({ deleted: 0, failed: 2 });
  expect(asked).toHaveLength(2);
});

test("a cluster that stops answering is not asked again, and the rest is cleaned", async () => {
  const { datasetsDir, modelsDir, file } = folders();
  const left = file(`datasets/${partial("a.csv")}`, 8);
  const { context, asked } = rayWorld(fail("RAY_TIMEOUT"));
  const report = await cleanUp({ ...context, settings: { ...context.settings, datasetsDir, modelsDir } });
  expect(report.ray).toEqual({ deleted: 0, failed: 0, unreachable: { code: "RAY_TIMEOUT", message: "no" } });
  expect(asked).toEqual(["old-1"]);
  expect(report.scratch.removed).toBe(1);
  expect(existsSync(left)).toBe(false);
});

test("an unreachable cluster is told from the start", async () => {
  const { context } = createTestContext();
  const cluster = { ...context.cluster, finishedRayJobs: fail("RAY_UNAVAILABLE") };
  const { ray } = await cleanUp({ ...context, cluster });
  expect(ray).toEqual({ deleted: 0, failed: 0, unreachable: { code: "RAY_UNAVAILABLE", message: "no" } });
});

test("a cancelled cleanup stops and does not blame the cluster", async () => {
  const controller = new AbortController();
  const reason = new Error("cancelled");
  const { context, asked, logged } = rayWorld(async () => {
    controller.abort(reason);
    throw new Error("aborted");
  });
  await expect(cleanUp({ ...context, signal: controller.signal })).rejects.toBe(reason);
  expect(asked).toHaveLength(1);
  expect(logged).toEqual([]);
});

test("old scratch of both forms goes, all else stays", async () => {
  const { datasetsDir, modelsDir, file, folder, age } = folders();
  const deepFolder = `datasets/out/${partial("deep")}`;
  const goes = [
    file(`datasets/${partial("a.csv")}`, 8),
    file("datasets/deep/er/.lovage-partial.local.89abcdef.b.parquet", 8),
    file("models/churn/.lovage-partial.0123456789ab", 8),
  ];
  file(`${deepFolder}/part-1.parquet`, 8);
  goes.push(age(folder(deepFolder, 8), 8));
  const busy = folder(`datasets/${partial("busy")}`, 8);
  const stays = [
    file(`datasets/${partial("busy")}/inner.parquet`, 0),
    age(busy, 8),
    file(`datasets/${partial("young.csv")}`, 6),
    file("datasets/a.csv", 80),
    file("datasets/.lovage-partial", 80),
    file("datasets/.lovage-partial.notes", 80),
    file("datasets/.lovage-partial.0123456789xy", 80),
    file("datasets/x.lovage-partial.local.0123abcd.a.csv", 80),
    file("models/churn/.claim-7", 80),
  ];
  const { context, logged } = createTestContext({}, { datasetsDir, modelsDir });

  expect(scratchOf(await cleanUp(context, { dryRun: true }))).toEqual({
    removed: 4,
    bytes: 20,
    failed: 0,
    missing: [],
  });
  expect(goes.filter((path) => !existsSync(path))).toEqual([]);
  expect(scratchOf(await cleanUp(context))).toEqual({ removed: 4, bytes: 20, failed: 0, missing: [] });
  expect(goes.filter((path) => existsSync(path))).toEqual([]);
  expect(stays.filter((path) => !existsSync(path))).toEqual([]);
  expect(scratchOf(await cleanUp(context)).removed).toBe(0);
  expect(logged).toEqual([]);
});

test("links are not followed, neither out of the folders nor out of scratch", async () => {
  const { root, datasetsDir, modelsDir, file, age } = folders();
  const outside = file(`elsewhere/${partial("a.csv")}`, 80);
  const kept = file("elsewhere/kept.csv", 80);
  symlinkSync(join(root, "elsewhere"), join(datasetsDir, "link"));
  const named = join(datasetsDir, partial("link"));
  symlinkSync(join(root, "elsewhere"), named);
  const scratch = dirname(file(`datasets/${partial("folder")}/own.csv`, 80));
  symlinkSync(join(root, "elsewhere"), join(scratch, "link"));
  age(scratch, 80);
  const { context } = createTestContext({}, { datasetsDir, modelsDir });
  // The link inside was made just now, and its folder stays as long as the newest in it is young.
  expect(scratchOf(await cleanUp(context)).removed).toBe(0);
  const long = new Date(Date.now() - 80 * 24 * 3_600_000);
  lutimesSync(join(scratch, "link"), long, long);
  expect(scratchOf(await cleanUp(context)).removed).toBe(1);
  expect(existsSync(scratch)).toBe(false);
  expect([outside, kept, named].filter((path) => !existsSync(path))).toEqual([]);
});

test("a folder set aside is kept while it is the only copy", async () => {
  const { datasetsDir, modelsDir, file } = folders();
  const orphan = dirname(file(`datasets/${partial("gone")}.old/part.csv`, 80));
  const leftover = dirname(file(`datasets/${partial("there")}.old/part.csv`, 80));
  for (const path of [orphan, leftover]) utimesSync(path, 0, 0);
  file("datasets/there/part.csv", 0);
  const { context } = createTestContext({}, { datasetsDir, modelsDir });
  expect(scratchOf(await cleanUp(context)).removed).toBe(1);
  expect(existsSync(orphan)).toBe(true);
  expect(existsSync(leftover)).toBe(false);
});

test("a short age for jobs does not reach the scratch of running programs, unless said so", async () => {
  const { datasetsDir, modelsDir, file } = folders();
  const path = file(`datasets/${partial("a.csv")}`, 0.5);
  const { context } = createTestContext({}, { datasetsDir, modelsDir });
  expect(scratchOf(await cleanUp(context, { olderThan: "1h" })).removed).toBe(0);
  expect(existsSync(path)).toBe(true);
  expect(scratchOf(await cleanUp(context, { scratchOlderThan: "1h" })).removed).toBe(1);
});

test("a folder inside the other is counted once, and one that is missing is told", async () => {
  const { datasetsDir, root, file } = folders();
  file(`datasets/models/${partial("a.csv")}`, 8);
  const nested = createTestContext({}, { datasetsDir, modelsDir: join(datasetsDir, "models") });
  expect(scratchOf(await cleanUp(nested.context, { dryRun: true }))).toMatchObject({
    removed: 1,
    missing: [],
  });
  const absent = join(root, "absent");
  const { context } = createTestContext({}, { datasetsDir, modelsDir: absent });
  expect(scratchOf(await cleanUp(context))).toMatchObject({ removed: 1, missing: [absent] });
});
