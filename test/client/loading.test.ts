import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);

/** What a program has loaded when it made a client and called it once, in vain. */
async function loadedBy(options: string): Promise<string[]> {
  const program = `
    import { registerHooks } from "node:module";
    const loaded = [];
    registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
    const { createClient } = await import("./src/client/index.ts");
    const client = createClient(${options});
    await client.tasks().catch(() => {});
    await client.close();
    console.log(JSON.stringify(loaded));`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", program], { cwd: root });
  return (JSON.parse(stdout) as string[]).map((url) => url.replace(/^file:\/\//, ""));
}

test("a program over Redis loads nothing of HTTP, and one over HTTP nothing of Redis", async () => {
  const redis = await loadedBy('{ redis: "redis://127.0.0.1:1", timeout: 50 }');
  const http = await loadedBy('{ url: "http://127.0.0.1:1", apiKey: "k", timeout: 50 }');
  const ofRedis = /\/(bullmq|ioredis)\/|\/client\/redis\//;
  const ofHttp = /\/eventsource-parser\/|\/client\/http\/|\/src\/contract\//;
  expect(redis.filter((url) => ofRedis.test(url)).length).toBeGreaterThan(10);
  expect(redis.filter((url) => ofHttp.test(url))).toEqual([]);
  expect(http.filter((url) => ofHttp.test(url)).length).toBeGreaterThan(10);
  expect(http.filter((url) => ofRedis.test(url))).toEqual([]);
});

test("what a browser loads has no modules of Node's, and few packages", () => {
  const files = new Set<string>();
  const packages = new Set<string>();
  const visit = (file: string) => {
    if (files.has(file)) return;
    files.add(file);
    const text = readFileSync(file, "utf8");
    for (const [statement, specifier = ""] of text.matchAll(
      /^(?:import|export)\b(?! type)[^;]*?\bfrom\s+"([^"]+)";/gm,
    )) {
      const names = /\{([^}]*)\}/s.exec(statement)?.[1]?.split(",") ?? ["all"];
      // Types are gone when it runs.
      if (names.every((name) => /^\s*(type\s|$)/.test(name))) continue;
      if (specifier.startsWith(".")) visit(resolve(dirname(file), specifier));
      else packages.add(specifier);
    }
    expect(text, relative(root, file)).not.toMatch(/\bBuffer\.\w|\bprocess\.\w|\bimport\(/);
  };
  visit(resolve(root, "src/client/http/index.ts"));
  expect(files.size).toBeGreaterThan(40);
  expect([...packages].toSorted()).toEqual(["eventsource-parser", "fastest-levenshtein", "ms", "zod"]);
});
