import { createHash } from "node:crypto";
import { mkdir, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/**
 * A Unix socket's path may have 103 bytes on macOS (107 on Linux), and up to 67 follow:
 * `/10/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store`.
 */
const maxLength = 103 - 67;
const keptSessions = 2;

/**
 * The folder Ray gets for its sockets and logs, made when missing: the wanted one, or when that path is too long for a
 * Unix socket, one of this user's in the system's temporary folder that is the same each time.
 */
export async function rayTempDir(wanted: string): Promise<string> {
  const dir = shortPath(resolve(wanted));
  await mkdir(dir, { recursive: true, mode: 0o700 });
  return dir;
}

function shortPath(wanted: string): string {
  if (Buffer.byteLength(wanted) <= maxLength) return wanted;
  const digest = createHash("sha256").update(`${process.getuid?.()} ${wanted}`).digest("hex").slice(0, 10);
  const inSystem = join(tmpdir(), `lovage-${digest}`);
  return Buffer.byteLength(inSystem) <= maxLength ? inSystem : `/tmp/lovage-${digest}`;
}

/** Each start of a node leaves a folder of logs: all but the newest two are removed. Their names sort by time. */
export async function removeOldSessions(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const sessions = (await readdir(dir)).filter((name) => /^session_\d/.test(name)).sort();
  const old = sessions.slice(0, Math.max(0, sessions.length - keptSessions));
  await Promise.all(old.map((name) => rm(join(dir, name), { recursive: true, force: true })));
}
