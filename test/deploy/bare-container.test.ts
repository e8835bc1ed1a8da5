/** What a container takes away: Lovage as process 1, with a read-only root, as a user without name, home or rights. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import { createClient } from "#client";
import { freePort } from "../support/free-port.ts";
import { createWorld, eventually, type World } from "../support/world.ts";

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** It takes the rights of root to take all others away. */
const possible =
  process.getuid?.() === 0 && spawnSync("unshare", ["--mount", "--pid", "--fork", "true"]).status === 0;

interface Bare {
  output(): string;
  ended: Promise<number | null>;
  /** By TERM, to process 1 itself. */
  stop(): Promise<number | null>;
}

describe.skipIf(!possible)("in a bare container", () => {
  let world: World;
  const children: ChildProcess[] = [];
  beforeEach(async () => {
    world = await createWorld();
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    }
    await world.close();
  });

  function run(args: readonly string[], more: Record<string, string> = {}): Bare {
    const variables = { ...world.variables, RAY_ADDRESS: inject("rayAddress"), ...more };
    const text = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
    const child = spawn(path("../support/bare-container.sh"), [
      process.execPath,
      path("../.."),
      text.join(" "),
      ...args,
    ]);
    children.push(child);
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (piece) => (output += String(piece)));
    const ended = once(child, "close").then(([code]) => code as number | null);
    return {
      output: () => output,
      ended,
      stop() {
        const first = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim();
        process.kill(Number(first), "SIGTERM");
        return ended;
      },
    };
  }

  test("a worker takes jobs, and ends by TERM", async () => {
    const worker = run(["worker", "--name", "bare"]);
    await eventually("it is ready", () => worker.output().includes('"msg":"ready"'));
    const client = createClient({ redis: world.redis });
    const job = await client.enqueue("tasks.simple_tasks.ping", {});
    expect(await job.result({ timeout: "20s" })).toEqual({ status: "pong", worker: "bare" });
    expect((await client.inspect.workers()).map(({ pid }) => pid)).toEqual([1]);
    await client.close();
    expect(await worker.stop()).toBe(0);
    expect(worker.output()).toContain('"msg":"stopped"');
  });

  test("a TERM ends it also while it waits for Redis: nobody else would tell process 1", async () => {
    const worker = run(["worker"], { REDIS_URL: `redis://127.0.0.1:${await freePort()}` });
    await eventually("it waits", () => worker.output().includes("waiting for Redis"));
    expect(await worker.stop()).toBe(0);
  });

  test("scheduler and dashboard serve, and commands work", async () => {
    const port = await freePort();
    const scheduler = run(["scheduler"]);
    const dashboard = run(["dashboard", "--port", String(port)], { DASHBOARD_PASSWORD: "secret" });
    for (const each of [scheduler, dashboard])
      await eventually("it is ready", () => each.output().includes('"msg":"ready"'));
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
    const made = run(["keys", "create", "shop", "--scope", "read"]);
    expect(await made.ended).toBe(0);
    const listed = run(["keys", "list"]);
    await listed.ended;
    expect(listed.output()).toContain("user 4242");
    expect(await scheduler.stop()).toBe(0);
    expect(await dashboard.stop()).toBe(0);
  });
});
