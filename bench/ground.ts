import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Redis } from "ioredis";
import { portFree } from "../src/dev/ports.ts";
import { startValkey } from "../src/dev/valkey.ts";

/** What every benchmark stands on: a Redis of its own and a folder, both gone at the end. */
export interface Ground {
  readonly url: string;
  readonly folder: string;
  /** A connection for the benchmark's own looks. */
  readonly redis: Redis;
  /** The same to another of Redis' databases. */
  database(number: number): Redis;
  /** An empty Redis with an empty append-only file, so that no round pays for the one before. */
  clear(): Promise<void>;
}

/** Runs a benchmark on fresh ground; a Ctrl-C tidies up too. */
export async function onGround(run: (ground: Ground) => Promise<void>): Promise<void> {
  // Without a handler a signal would skip the `exit` listeners that end the workers.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
  const folder = temporaryFolder("lovage-bench-");
  const server = await startValkey({
    port: await freePorts(1, 25_400),
    dir: join(folder, "valkey"),
    path: process.env["PATH"],
  });
  const redis = new Redis(server.url, { maxRetriesPerRequest: null });
  const others = new Map<number, Redis>();
  try {
    // A rewrite of the append-only file in the middle of a round would be charged to whoever runs just then.
    await redis.config("SET", "auto-aof-rewrite-percentage", "0");
    await run({
      url: server.url,
      folder,
      redis,
      database(number) {
        const known = others.get(number) ?? redis.duplicate({ db: number });
        others.set(number, known);
        return known;
      },
      async clear() {
        // Not in the background, where it would be charged to whoever runs next.
        await redis.flushall("SYNC");
        await redis.bgrewriteaof();
        while (/aof_rewrite_(in_progress|scheduled):1/.test(await redis.info("persistence"))) await pause(20);
      },
    });
  } finally {
    for (const connection of [redis, ...others.values()]) connection.disconnect();
    await server.stop();
  }
}

/** A new folder that is gone when this process is, whichever way it ends. */
export function temporaryFolder(prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  removeAtExit(folder);
  return folder;
}

/** Retries, because a server that a signal ends may still write into its folder. */
export function removeAtExit(folder: string): void {
  process.once("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
}

/** The first of so many free ports in a row. */
export async function freePorts(count: number, from: number): Promise<number> {
  for (let base = from; base < from + 5000; base += count) {
    const free = await Promise.all(Array.from({ length: count }, (_, index) => portFree(base + index)));
    if (free.every(Boolean)) return base;
  }
  throw new Error(`there are no ${count} free ports in a row from ${from} on`);
}
