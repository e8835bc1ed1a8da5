import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as z from "zod";
import { createCatalogue, defineTask } from "#task";
import { createHttpWorld } from "../support/sides.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "lovage-sdk-"));
const project = join(folder, "project");
const run = promisify(execFile);

/** The oldest Node that the package is for, from npm: this project itself runs on a newer one. */
const oldestNode = "22.19.0";
let node22: string;
let files: string[];
let world: Awaited<ReturnType<typeof createHttpWorld>>;

const greet = defineTask({
  name: "shop.greet",
  queue: "default",
  input: z.strictObject({ name: z.string() }),
  output: z.strictObject({ text: z.string() }),
  run: async ({ name }) => ({ text: `Hello, ${name}!` }),
});

/** So that a registry that does not answer is told as such, in time. */
const bounded = ["--fetch-timeout=30000", "--fetch-retries=1"];

/** A laptop may be offline; on CI that is a failure, told by the installation. */
const online = process.env["CI"] !== undefined || (await reachesRegistry());
if (!online) console.warn("skipped: the SDK's package is not tried, npm's registry does not answer");

async function reachesRegistry(): Promise<boolean> {
  try {
    await run("npm", ["view", "zod", "version", "--fetch-timeout=10000", "--fetch-retries=0"]);
    return true;
  } catch {
    return false;
  }
}

/** The package in an empty project, as a stranger installs it. */
beforeAll(async () => {
  if (!online) return;
  const built = join(folder, "built");
  await run(process.execPath, [join(root, "scripts/pack-sdk.ts"), built]);
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", folder], { cwd: built });
  const [packed] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
  files = packed.files.map((file) => file.path);
  mkdirSync(project);
  writeFileSync(
    join(project, "package.json"),
    JSON.stringify({ name: "stranger", private: true, type: "module" }),
  );
  const install = ["install", "--no-audit", "--no-fund", "--prefer-offline", ...bounded];
  await run("npm", [...install, join(folder, packed.filename)], { cwd: project });
  mkdirSync(join(folder, "node"));
  writeFileSync(join(folder, "node/package.json"), "{}");
  await run("npm", [...install, `node@${oldestNode}`], { cwd: join(folder, "node") });
  node22 = join(folder, "node/node_modules/.bin/node");
  world = await createHttpWorld({ published: false });
  await world.worker({ catalogue: createCatalogue([greet]) });
}, 240_000);

afterAll(async () => {
  await world?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function runOn(node: string, file: string): Promise<string> {
  const env = {
    PATH: process.env["PATH"],
    REDIS_URL: world.redis.url,
    REDIS_PREFIX: world.prefix,
    ...world.variables,
  };
  return (await run(node, [file], { cwd: project, env })).stdout;
}

test.skipIf(!online)("the tarball has the five doors and what they reach, and nothing of the server", () => {
  const rooms = new Set(files.filter((file) => file.startsWith("lib/")).map((file) => file.split("/")[1]));
  expect([...rooms].toSorted()).toEqual([
    "client",
    "contract",
    "core",
    "queue",
    "ray-client-http",
    "task",
    "testing",
  ]);
  expect(files.filter((file) => /consumer|\.test\.|(?<!\.d)\.ts$/.test(file))).toEqual([]);
  expect(files).toEqual(expect.arrayContaining(["README.md", "LICENSE", "package.json"]));
  const declarations = files.filter((file) => file.endsWith(".d.ts"));
  const readInstalled = (file: string) => readFileSync(join(project, "node_modules/lovage", file), "utf8");
  // The compiler that a stranger uses may be older than ours, or another tool altogether.
  expect(declarations.filter((file) => /from "\.[^"]*\.ts"/.test(readInstalled(file)))).toEqual([]);
  const map = JSON.parse(readInstalled("lib/client/create.js.map")) as { sourcesContent?: string[] };
  expect(map.sourcesContent?.[0]).toContain("export function createClient");
});

test.skipIf(!online)("its tree is small", async () => {
  const { stdout } = await run("npm", ["ls", "--all", "--parseable"], { cwd: project });
  const packages = stdout.trim().split("\n").length - 1;
  expect(packages, stdout).toBeLessThanOrEqual(30);
});

const ofClient = [
  "LovageError",
  "chain",
  "chord",
  "chunks",
  "createClient",
  "errorCodes",
  "group",
  "historySpans",
  "jobStates",
  "map",
  "openStates",
  "signature",
];

/** What is exported is a promise: an addition belongs here, a removal into a new major version. */
const exported = {
  lovage: ofClient,
  "lovage/http": ofClient,
  "lovage/tasks": [
    "LovageError",
    "createCatalogue",
    "defineRayTask",
    "defineTask",
    "defineWorkflow",
    "notificationChannels",
    "queueNames",
  ],
  "lovage/testing": [
    "createClock",
    "createEagerClient",
    "createScriptedRay",
    "expectEnqueued",
    "perform",
    "performOutcome",
  ],
  "lovage/ray-client-http": ["MAX_PACKAGE_BYTES", "RayError", "createRayClient", "isTerminal"],
};

const javaScript = `
import { createClient } from "lovage";
import { createClient as createHttpClient } from "lovage/http";
import { createCatalogue, defineTask } from "lovage/tasks";
import { createEagerClient, createScriptedRay, perform } from "lovage/testing";
import { createRayClient } from "lovage/ray-client-http";
import * as z from "zod";

const names = {};
for (const door of ${JSON.stringify(Object.keys(exported))}) names[door] = Object.keys(await import(door)).sort();

const client = createClient({ redis: { url: process.env.REDIS_URL, prefix: process.env.REDIS_PREFIX } });
const job = await client.enqueue("shop.greet", { name: "JavaScript" });
const result = await job.result({ timeout: "10s" });
const refused = await client.enqueue("shop.greet", { nmae: "x" }).catch((error) => error.code);
const many = await client.enqueueMany([1, 2].map((n) => ({ task: "shop.greet", input: { name: String(n) } })));
const texts = await Promise.all(many.map(async (one) => (await one.result({ timeout: "10s" })).text));
await client.close();

const { LOVAGE_URL: url = "", LOVAGE_API_KEY: apiKey = "" } = process.env;
const overHttp = [];
for (const create of [createClient, createHttpClient]) {
  const remote = create({ url, apiKey });
  const call = await remote.enqueue("shop.greet", { name: "HTTP" });
  let last;
  for await (const event of call.events()) last = event.type;
  overHttp.push((await call.result({ timeout: "10s" })).text, last);
  overHttp.push(await remote.enqueue("shop.greet", { nmae: "x" }).catch((error) => error.code));
  await remote.close();
}

const double = defineTask({
  name: "double", queue: "default", input: z.number(), output: z.number(), run: async (n) => n * 2,
});
const { output } = await perform(double, 21);
const eager = createEagerClient(createCatalogue([double]));
const twice = await (await eager.enqueue("double", 4)).result();

const ray = await createScriptedRay({ jobs: { log: ["hello"] } });
const rays = createRayClient({ address: ray.address });
const { submissionId } = await rays.submit({ entrypoint: "python a.py" });
const { status } = await rays.wait(submissionId);
let log = "";
for await (const piece of rays.tail(submissionId)) log += piece.text;
await rays.close();
await ray.close();
console.log(JSON.stringify({ version: process.versions.node, names, result, refused, texts, overHttp, output, twice, status, log }));
`;

test.skipIf(!online).each([
  ["the oldest Node", () => node22, oldestNode],
  ["this Node", () => process.execPath, process.versions.node],
])("JavaScript on %s uses all five doors", async (_what, node, version) => {
  writeFileSync(join(project, "use.js"), javaScript);
  expect(JSON.parse(await runOn(node(), "use.js"))).toEqual({
    version,
    names: exported,
    result: { text: "Hello, JavaScript!" },
    refused: "INPUT_INVALID",
    texts: ["Hello, 1!", "Hello, 2!"],
    overHttp: [1, 2].flatMap(() => ["Hello, HTTP!", "completed", "INPUT_INVALID"]),
    output: 42,
    twice: 8,
    status: "SUCCEEDED",
    log: 'hello\n::lovage:: {"type":"result","value":null}\n',
  });
});

const typeScript = `
import { type Client, createClient, type JobHandle, LovageError } from "lovage";
import { type Client as HttpClient, createClient as createHttpClient } from "lovage/http";
import { type Hooks, type TaskContext, defineTask } from "lovage/tasks";
import { createEagerClient, type EagerClient, perform } from "lovage/testing";
import { createRayClient, type RayJob } from "lovage/ray-client-http";
import * as z from "zod";
import { catalogue, type Tasks } from "./tasks.ts";

declare module "lovage/tasks" {
  interface Dependencies { db: { rows(): number } }
}

export const counting = defineTask({
  name: "counting", queue: "default", input: z.null(), output: z.number(),
  run: async (_input, context: TaskContext) => context.dependencies.db.rows(),
});
export const hooks: Hooks = {
  aroundRun: (run, next) => (run.dependencies.db.rows() > 0 ? next() : next()),
};

export async function use(client: Client<Tasks>, eager: EagerClient<Tasks>): Promise<string> {
  const job: JobHandle<{ text: string }> = await client.enqueue("shop.greet", { name: "x" });
  // @ts-expect-error the name is a text
  await client.enqueue("shop.greet", { name: 5 });
  // @ts-expect-error no task has this name
  await eager.enqueue("shop.great", { name: "x" });
  // @ts-expect-error the result has no such field
  (await job.result()).txt;
  const { output } = await perform(counting, null, { context: { dependencies: { db: { rows: () => 3 } } } });
  const rayJob: RayJob | undefined = await createRayClient({ address: "http://127.0.0.1:1" }).get("x").catch(() => undefined);
  return (await job.result()).text + output.toFixed(0) + (rayJob?.status ?? "");
}
export const remote: HttpClient<Tasks> & Client<Tasks> = createHttpClient<Tasks>({ url: "https://lovage.test", apiKey: "k" });
export const made = [createClient<Tasks>, createEagerClient(catalogue), LovageError];
`;

test.skipIf(!online)(
  "TypeScript with strict infers all types, checks the types of the package too, and the README's example runs",
  async () => {
    const readme = readFileSync(join(project, "node_modules/lovage/README.md"), "utf8");
    const blocks = [...readme.matchAll(/```ts file=(\S+)\n(.*?)```/gs)];
    expect(blocks.map((block) => block[1])).toEqual(["tasks.ts", "call.ts", "try.ts"]);
    for (const [, name = "", text = ""] of blocks) {
      const here = text.replace(
        /redis: .*, catalogue/,
        "redis: { url: process.env['REDIS_URL'] ?? '', prefix: process.env['REDIS_PREFIX'] }, catalogue",
      );
      writeFileSync(join(project, name), here);
    }
    writeFileSync(join(project, "use.ts"), typeScript);
    const compilerOptions = {
      target: "es2023",
      lib: ["es2024", "esnext.disposable"],
      module: "nodenext",
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      types: ["node"],
      outDir: "out",
      rewriteRelativeImportExtensions: true,
    };
    writeFileSync(
      join(project, "tsconfig.json"),
      JSON.stringify({ compilerOptions, files: ["tasks.ts", "call.ts", "try.ts", "use.ts"] }),
    );
    mkdirSync(join(project, "node_modules/@types"), { recursive: true });
    for (const name of ["@types/node", "undici-types"])
      symlinkSync(join(root, "node_modules", name), join(project, "node_modules", name));
    const { stdout } = await run(join(root, "node_modules/.bin/tsc"), ["-p", "."], { cwd: project }).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout).toBe("");
    expect(await runOn(node22, "out/call.js")).toBe("Hello, Ada!\n");
    expect(await runOn(process.execPath, "call.ts")).toBe("Hello, Ada!\n");
    expect(await runOn(node22, "out/try.js")).toBe("Hello, Ada!\n");
  },
);
