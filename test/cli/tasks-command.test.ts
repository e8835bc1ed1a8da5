import { expect, test } from "vitest";
import * as z from "zod";
import { defineRayTask, defineTask } from "#task";
import { describeTask } from "../../src/task/catalogue.ts";
import { documentOf, lovage } from "./scripted-doors.ts";

const output = z.object({});
const ping = defineTask({
  name: "test.ping",
  queue: "default",
  description: "Answers",
  input: z.strictObject({}),
  output,
  retry: { attempts: 1 },
  run: async () => ({}),
});
const train = defineRayTask({
  name: "test.train",
  queue: "ml",
  input: z.strictObject({
    dataset: z.string().describe("file or folder to learn from"),
    target: z.string(),
    rounds: z.int().min(1).max(500).default(100),
    kind: z.enum(["classification", "regression"]).optional(),
    columns: z.array(z.string()).min(1),
    params: z.record(z.string(), z.number()).optional(),
    split: z.object({ fraction: z.number(), seed: z.number().default(7) }).optional(),
    search: z.discriminatedUnion("by", [
      z.object({ by: z.literal("grid"), steps: z.number() }),
      z.object({ by: z.literal("random"), trials: z.number() }),
    ]),
  }),
  output,
  program: "train.py",
});
const script = { tasks: [describeTask(ping), describeTask(train)] };

test("the list names each task with its queue and where it runs", async () => {
  const { stdout } = await lovage(["tasks"], { script });
  expect(stdout).toMatch(/^test\.ping +default +worker +Answers$/m);
  expect(stdout).toMatch(/^test\.train +ml +Ray$/m);
  expect(documentOf(await lovage(["tasks", "--json"], { script }))).toMatchObject([
    { name: "test.ping" },
    { name: "test.train" },
  ]);
});

test("one task shows its fields by their schema, and a call that can be filled in", async () => {
  const { stdout } = await lovage(["tasks", "test.train"], { script });
  for (const line of [
    /^dataset +string +required +file or folder to learn from$/m,
    /^rounds +integer ≥ 1 ≤ 500 +default 100$/m,
    /^kind +"classification" \| "regression"$/m,
    /^columns +list of string +required$/m,
    /^params +map to number$/m,
    /^split +object$/m,
    // Required only inside an object that may be left out.
    /^split\.fraction +number$/m,
    /^split\.seed +number +default 7$/m,
    /^search\.by +"grid" \| "random" +required$/m,
    /^search\.steps +number$/m,
  ])
    expect(stdout).toMatch(line);
  const call = /^ {2}lovage enqueue test\.train '(.*)' --wait$/m.exec(stdout)?.[1] ?? "";
  expect(JSON.parse(call)).toEqual({
    dataset: "<dataset>",
    target: "<target>",
    columns: ["<columns>"],
    search: { by: "grid", steps: 1 },
  });
  expect(train.input.safeParse(JSON.parse(call)).success).toBe(true);
});

test("a task without input says so", async () => {
  const { stdout } = await lovage(["tasks", "test.ping"], { script });
  expect(stdout).toContain("It takes no input.");
  expect(stdout).toContain("  lovage enqueue test.ping --wait\n");
});

test("a schema that refers to itself ends", async () => {
  const Tree: z.ZodType = z.object({
    name: z.string(),
    get children() {
      return z.array(Tree);
    },
    get left() {
      return Tree.optional();
    },
  });
  const tree = { ...describeTask(ping), name: "test.tree", input: z.toJSONSchema(Tree) };
  const { code, stdout } = await lovage(["tasks", "test.tree"], { script: { tasks: [tree] } });
  expect(code).toBe(0);
  expect(stdout).toContain("left.left.left.name");
  expect(stdout).not.toContain("left.left.left.left.name");
});

test("an unknown task is wrong usage with the nearest name; no tasks at all is not", async () => {
  expect(await lovage(["tasks", "test.trian"], { script })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("did you mean test.train?"),
  });
  expect(await lovage(["tasks", "test.train"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("CATALOGUE_EMPTY"),
  });
  expect(await lovage(["tasks", "--json"])).toMatchObject({ code: 0, stdout: "[]\n", stderr: "" });
});
