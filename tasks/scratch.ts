import type { Dirent, Stats } from "node:fs";
import { lstat, opendir, readdir, realpath, rm } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import * as z from "zod";
import type { TaskContext } from "#task";

/**
 * How the Ray programs name what is not finished: `.lovage-partial.<submission id>.<8 hex digits>.<name>` beside an
 * output, `.lovage-partial.<12 hex digits>` in a model's folder.
 */
const partialName =
  /^\.lovage-partial\.(?:[0-9a-f]{12}|[A-Za-z0-9_.-]{0,60}\.[0-9a-f]{8}\.(?<target>[^/]+))$/s;
/** A folder that was set aside to be replaced; in between it is the only copy. */
const asideSuffix = ".old";
/** The programs keep so much of the end of a long name. */
const longestTarget = 100;

export const ScratchCounts = z.strictObject({
  /** Files and folders. */
  removed: z.number(),
  bytes: z.number(),
  failed: z.number(),
  /** Folders of data that this worker does not have. */
  missing: z.array(z.string()),
});
export type ScratchCounts = z.infer<typeof ScratchCounts>;

export interface ScratchSearch {
  folders: readonly string[];
  /** Milliseconds since anything in it was last written. */
  age: number;
  dryRun: boolean;
}

/** Removes what crashed Ray programs left behind. Never follows a symbolic link and never leaves the folders. */
export async function removeScratch(search: ScratchSearch, context: TaskContext): Promise<ScratchCounts> {
  const counts: ScratchCounts = { removed: 0, bytes: 0, failed: 0, missing: [] };
  const before = Date.now() - search.age;
  const roots = new Set<string>();
  for (const folder of search.folders) {
    const root = await realpath(folder).catch(() => undefined);
    if (root === undefined) counts.missing.push(folder);
    else roots.add(root);
  }
  // A folder inside another is walked with it, and must not be counted twice.
  const outermost = [...roots].filter(
    (root) => ![...roots].some((other) => other !== root && root.startsWith(other.replace(/\/?$/, sep))),
  );
  for (const root of outermost) {
    for await (const path of partials(root, counts, context)) {
      const found = await newestWrite(path).catch(() => undefined);
      if (found === undefined || found.newest > before || (await isOnlyCopy(path))) continue;
      await remove(path, found.bytes, search, counts, context);
    }
  }
  return counts;
}

async function remove(
  path: string,
  bytes: number,
  { dryRun }: ScratchSearch,
  counts: ScratchCounts,
  context: TaskContext,
): Promise<void> {
  try {
    // Somebody may have put a link in the place of a folder on the way since it was walked.
    if ((await realpath(dirname(path))) !== dirname(path)) return;
    if (!dryRun) await rm(path, { recursive: true });
    counts.removed += 1;
    counts.bytes += bytes;
  } catch (error) {
    // Its program may have finished or another cleanup may have been quicker.
    if ((error as { code?: unknown }).code === "ENOENT") return;
    counts.failed += 1;
    context.logger.warn({ err: error, path }, "a scratch file could not be removed");
  }
}

async function* partials(
  folder: string,
  counts: ScratchCounts,
  context: TaskContext,
): AsyncGenerator<string> {
  const inner: string[] = [];
  try {
    for await (const entry of await opendir(folder)) {
      context.signal.throwIfAborted();
      const path = join(folder, entry.name);
      if (partialName.test(entry.name) && isOwn(entry)) yield path;
      else if (entry.isDirectory()) inner.push(path);
    }
  } catch (error) {
    context.signal.throwIfAborted();
    if ((error as { code?: unknown }).code === "ENOENT") return;
    counts.failed += 1;
    context.logger.warn({ err: error, path: folder }, "a folder could not be searched for scratch files");
    return;
  }
  for (const path of inner) yield* partials(path, counts, context);
}

const isOwn = (entry: Dirent | Stats) => entry.isFile() || entry.isDirectory();

/** A folder's own time tells nothing of the files that are being written deep inside. */
async function newestWrite(path: string): Promise<{ newest: number; bytes: number }> {
  const own = await lstat(path);
  let newest = own.mtimeMs;
  let bytes = own.isFile() ? own.size : 0;
  if (own.isDirectory()) {
    for (const name of await readdir(path)) {
      const inner = await newestWrite(join(path, name));
      newest = Math.max(newest, inner.newest);
      bytes += inner.bytes;
    }
  }
  return { newest, bytes };
}

/** Whether a program was killed after it had set the old folder aside and before the new one had its name. */
async function isOnlyCopy(path: string): Promise<boolean> {
  const target = partialName.exec(basename(path))?.groups?.["target"];
  if (target === undefined || !target.endsWith(asideSuffix)) return false;
  const name = target.slice(0, -asideSuffix.length);
  const siblings = await readdir(dirname(path));
  const replaced = siblings.some((sibling) =>
    name.length < longestTarget ? sibling === name : !partialName.test(sibling) && sibling.endsWith(name),
  );
  return !replaced;
}
